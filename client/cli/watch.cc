#include "client/cli/watch.h"

#include <signal.h>
#include <unistd.h>

#include <map>
#include <mutex>
#include <string>
#include <utility>

#include "belfry/worker.h"
#include "client/cli/job_json.h"

namespace belfry {

namespace {

constexpr absl::Duration kDrain = absl::Seconds(5);

// Prints and answers. Thread safety: all methods may be called from any thread.
class Printer {
 public:
  Printer(const CommandLine& line, std::ostream& out, std::ostream& err)
      : line_(line), out_(out), err_(err) {}

  void OnTrigger(const dapr::proto::scheduler::v1::WatchJobsResponse& trigger, Worker::Done done) {
    {
      std::lock_guard lock(mutex_);
      // More than was asked for: left unanswered, it goes to another watcher.
      if (line_.count.has_value() && printed_ == *line_.count) return;
      ++printed_;
      out_ << TriggerLine(trigger) << std::endl;
      // What could not be printed was not handled; somebody else may do better.
      if (!out_) return Quit();
    }
    done(line_.answer_failed ? TriggerResult::kFailed : TriggerResult::kSuccess);
    std::lock_guard lock(mutex_);
    if (++answered_ == line_.count) Quit();
  }

  // The same trouble again and again, on several streams, is told once until a stream opens.
  void OnError(const std::string& address, const absl::Status& status) {
    std::lock_guard lock(mutex_);
    std::string text(status.message());
    if (std::exchange(troubles_[address], text) == text) return;
    err_ << "belfry: watch: " << address << ": " << text << "; trying again\n";
  }

  void OnStreams(int count) {
    std::lock_guard lock(mutex_);
    if (count > streams_) troubles_.clear();
    streams_ = count;
  }

 private:
  // Wakes the wait below; SIGTERM means the same to it.
  static void Quit() { kill(getpid(), SIGTERM); }

  const CommandLine& line_;

  std::mutex mutex_;
  // Guarded by mutex_.
  std::ostream& out_;
  std::ostream& err_;
  uint64_t printed_ = 0;
  uint64_t answered_ = 0;
  int streams_ = 0;
  std::map<std::string, std::string> troubles_;  // by address
};

}  // namespace

int RunWatch(const CommandLine& line, std::ostream& out, std::ostream& err) {
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGINT);
  sigaddset(&ends, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &ends, nullptr);

  Printer printer(line, out, err);
  WorkerOptions options;
  options.addresses = line.client.addresses;
  options.ns = line.client.ns;
  options.app_id = line.client.app_id;
  options.tls = line.client.tls;
  options.on_streams = [&](int count) { printer.OnStreams(count); };
  options.on_error = [&](const std::string& address, const absl::Status& status) {
    printer.OnError(address, status);
  };
  Worker worker(options, [&](dapr::proto::scheduler::v1::WatchJobsResponse trigger,
                             Worker::Done done) { printer.OnTrigger(trigger, std::move(done)); });
  worker.Start();
  int signal = 0;
  sigwait(&ends, &signal);
  worker.Stop(kDrain);
  return kExitOk;
}

}  // namespace belfry
