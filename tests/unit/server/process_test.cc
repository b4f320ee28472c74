// The process as a whole: what it says and how it ends.

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <catch2/catch.hpp>

#include "dapr/proto/scheduler/v1/scheduler.grpc.pb.h"
#include "grpcpp/create_channel.h"
#include "tests/support/temp_dir.h"

namespace belfry::server {
namespace {

namespace pb = dapr::proto::scheduler::v1;
using std::chrono::steady_clock;

constexpr std::chrono::seconds kTimeout{20};
constexpr std::chrono::milliseconds kPollPause{5};

std::string ReadFile(const std::string& path) {
  std::ifstream file(path);
  return std::string{std::istreambuf_iterator<char>(file), {}};
}

// A belfry-scheduler on free ports of 127.0.0.1; killed at the end if it still runs.
class Process {
 public:
  Process(const TempDir& dir, const std::string& name, const std::vector<std::string>& flags)
      : ports_file_(dir / (name + ".ports")), log_file_(dir / (name + ".log")) {
    std::vector<std::string> arguments = {BELFRY_BIN_DIR "/belfry-scheduler",
                                          "--listen-address=127.0.0.1",
                                          "--healthz-listen-address=127.0.0.1",
                                          "--port=0",
                                          "--healthz-port=0",
                                          "--metrics-port=0",
                                          "--ports-file=" + ports_file_};
    arguments.insert(arguments.end(), flags.begin(), flags.end());
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    pid_ = fork();
    REQUIRE(pid_ >= 0);
    if (pid_ > 0) return;
    const int log = open(log_file_.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    dup2(log, STDOUT_FILENO);
    dup2(log, STDERR_FILENO);
    execv(argv[0], argv.data());
    _exit(127);
  }

  ~Process() {
    if (!pid_.has_value()) return;
    kill(*pid_, SIGKILL);
    waitpid(*pid_, nullptr, 0);
  }

  void WaitUntilReady() {
    const auto end = steady_clock::now() + kTimeout;
    while (!std::filesystem::exists(ports_file_) && steady_clock::now() < end) {
      std::this_thread::sleep_for(kPollPause);
    }
    INFO(log());
    REQUIRE(std::filesystem::exists(ports_file_));
  }

  void Signal(int signal) { REQUIRE(kill(*pid_, signal) == 0); }

  // The exit code; -1 if it was killed by a signal, -2 if it does not end.
  int Wait() {
    const auto end = steady_clock::now() + kTimeout;
    while (steady_clock::now() < end) {
      int status = 0;
      if (waitpid(*pid_, &status, WNOHANG) == *pid_) {
        pid_.reset();
        return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
      }
      std::this_thread::sleep_for(kPollPause);
    }
    return -2;
  }

  std::string log() const { return ReadFile(log_file_); }

  // A client of its gRPC port.
  std::unique_ptr<pb::Scheduler::Stub> NewStub() const {
    const std::string ports = ReadFile(ports_file_);
    const std::string key = "\"port\":";
    const size_t begin = ports.find(key) + key.size();
    const std::string port = ports.substr(begin, ports.find(',') - begin);
    return pb::Scheduler::NewStub(
        grpc::CreateChannel("127.0.0.1:" + port, grpc::InsecureChannelCredentials()));
  }

 private:
  const std::string ports_file_;
  const std::string log_file_;
  std::optional<pid_t> pid_;
};

TEST_CASE("a signal ends the process in good order and soon, streams or not") {
  const TempDir dir;
  const int signal = GENERATE(SIGTERM, SIGINT);
  Process process(dir, "p", {"--data-dir=" + (dir / "data")});
  process.WaitUntilReady();
  const auto stub = process.NewStub();
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + kTimeout);
  const auto silent = stub->WatchJobs(&context);
  grpc::ClientContext hosts_context;
  hosts_context.set_deadline(std::chrono::system_clock::now() + kTimeout);
  const auto hosts = stub->WatchHosts(&hosts_context, pb::WatchHostsRequest{});
  pb::WatchHostsResponse response;
  REQUIRE(hosts->Read(&response));

  const auto begin = steady_clock::now();
  process.Signal(signal);
  CHECK_FALSE(hosts->Read(&response));
  CHECK(hosts->Finish().error_code() == grpc::StatusCode::UNAVAILABLE);
  CHECK(silent->Finish().error_code() == grpc::StatusCode::UNAVAILABLE);
  const int exit_code = process.Wait();
  INFO(process.log());
  CHECK(exit_code == 0);
  CHECK(steady_clock::now() - begin < std::chrono::seconds(4));
}

TEST_CASE("a second process cannot have the data directory of the first") {
  const TempDir dir;
  Process first(dir, "first", {"--data-dir=" + (dir / "data")});
  first.WaitUntilReady();
  Process second(dir, "second", {"--data-dir=" + (dir / "data")});
  CHECK(second.Wait() == 1);
  CHECK(second.log().find("in use") != std::string::npos);
  first.Signal(SIGTERM);
  CHECK(first.Wait() == 0);
}

TEST_CASE("what makes no sense ends the start with its exit code") {
  const TempDir dir;
  CHECK(Process(dir, "a", {"--no-such-flag"}).Wait() == 2);
  CHECK(Process(dir, "b", {"--tls-enabled"}).Wait() == 1);
  CHECK(Process(dir, "c", {"--help"}).Wait() == 0);
  CHECK(Process(dir, "d", {"--version"}).Wait() == 0);
  CHECK(Process(dir, "e", {"--data-dir=/dev/null"}).Wait() == 1);
  CHECK(
      Process(dir, "f", {"--data-dir=" + (dir / "data"), "--listen-address=203.0.113.1"}).Wait() ==
      1);
}

}  // namespace
}  // namespace belfry::server
