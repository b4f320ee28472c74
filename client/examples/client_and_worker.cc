// A program that schedules jobs and handles them itself, with belfry::Client and belfry::Worker and
// without a sidecar: it greets once a second, three times, and ends when it has been called for
// each.
//
//   belfry-example-worker [SCHEDULER [APP_ID]]     default: localhost:50006 example

#include <google/protobuf/wrappers.pb.h>

#include <chrono>
#include <condition_variable>
#include <iostream>
#include <mutex>
#include <string>

#include "belfry/client.h"
#include "belfry/worker.h"

namespace {

using dapr::proto::scheduler::v1::Job;
using dapr::proto::scheduler::v1::WatchJobsResponse;

constexpr char kJobName[] = "greeting";
constexpr int kGreetings = 3;
// No greeting may be later than this; two of the three seconds are the schedule's own.
constexpr std::chrono::seconds kPatience(60);

// Counts what the worker has handled, on its threads, for main, which waits.
class Counter {
 public:
  void Add() {
    const std::lock_guard lock(mutex_);
    ++count_;
    changed_.notify_all();
  }
  // False if the count was not reached in time.
  bool WaitFor(int count) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kPatience, [&] { return count_ >= count; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int count_ = 0;
};

// What the job carried. It may come twice: a worker has to bear that.
std::string Text(const WatchJobsResponse& trigger) {
  google::protobuf::StringValue text;
  return trigger.data().UnpackTo(&text) ? text.value() : "(no text)";
}

Job Greeting() {
  google::protobuf::StringValue text;
  text.set_value("good morning");
  Job job;
  job.set_schedule("@every 1s");
  job.set_repeats(kGreetings);
  job.mutable_data()->PackFrom(text);
  // A tick that fails is tried twice more, half a second apart.
  auto& retry = *job.mutable_failure_policy()->mutable_constant();
  retry.mutable_interval()->set_nanos(500'000'000);
  retry.set_max_retries(2);
  return job;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string scheduler = argc > 1 ? argv[1] : "localhost:50006";
  const std::string app_id = argc > 2 ? argv[2] : "example";

  Counter greetings;
  belfry::WorkerOptions worker_options;
  worker_options.addresses = {scheduler};
  worker_options.app_id = app_id;
  worker_options.on_error = [](const std::string& address, const absl::Status& status) {
    std::cerr << "connection to " << address << ": " << status << "\n";
  };
  belfry::Worker worker(worker_options, [&](const WatchJobsResponse& trigger,
                                            belfry::Worker::Done done) {
    std::cout << trigger.name() << ": " << Text(trigger) << std::endl;
    done(belfry::TriggerResult::kSuccess);  // kFailed would leave it to the job's failure policy
    greetings.Add();
  });
  worker.Start();

  belfry::ClientOptions client_options;
  client_options.addresses = {scheduler};
  client_options.app_id = app_id;
  belfry::Client client(client_options);
  if (const absl::Status status = client.Schedule(kJobName, Greeting(), /*overwrite=*/true);
      !status.ok()) {
    std::cerr << "cannot schedule: " << status << "\n";
    return 1;
  }
  if (!greetings.WaitFor(kGreetings)) {
    std::cerr << "not all greetings came\n";
    return 1;
  }
  worker.Stop();  // sends the last answer
  return 0;
}
