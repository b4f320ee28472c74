// belfry-bench: a load generator for servers of the Scheduler protocol, and the floors of the
// machine that it runs on. One line of JSON a run on standard output, progress on standard error.

#include <cstdlib>
#include <functional>
#include <iostream>
#include <string>

#include "CLI/CLI.hpp"
#include "absl/synchronization/mutex.h"
#include "boost/json/serialize.hpp"
#include "tests/bench/http_answerer.h"
#include "tests/bench/null_server.h"
#include "tests/bench/options.h"
#include "tests/bench/workloads.h"

namespace belfry::bench {
namespace {

using Workload = std::function<absl::StatusOr<boost::json::object>(const Options&)>;

class CommandLine {
 public:
  CommandLine() {
    app_.require_subcommand(1);
    app_.fallthrough(false);
  }

  int Run(int argc, char** argv) {
    AddServerWorkloads();
    AddHttp();
    AddFloors();
    CLI11_PARSE(app_, argc, argv);
    if (null_server_->parsed()) return RunNullServer(options_.port);
    if (null_http_->parsed()) return RunNullHttp(options_.port);
    const absl::StatusOr<boost::json::object> line = workload_(options_);
    if (!line.ok()) {
      std::cerr << "belfry-bench: " << line.status().ToString() << std::endl;
      return EXIT_FAILURE;
    }
    std::cout << boost::json::serialize(*line) << std::endl;
    return EXIT_SUCCESS;
  }

 private:
  CLI::App* Add(const std::string& name, const std::string& what, const Workload& workload) {
    CLI::App* const command = app_.add_subcommand(name, what);
    command->final_callback([this, workload] { workload_ = workload; });
    return command;
  }

  CLI::App* AddWithServer(const std::string& name, const std::string& what,
                          const Workload& workload) {
    CLI::App* const command = Add(name, what, workload);
    command->add_option("--target", options_.target, "host:port of the server")->required();
    command->add_option("--pid", options_.pid, "process whose CPU, memory and writes are told");
    command->add_option("--data-dir", options_.data_dir, "where its logs' growth is watched");
    command->add_option("--namespace", options_.namespace_, "namespace of the jobs");
    command->add_option("--app-id", options_.app_id, "app of the jobs; one of its own by default");
    AddClient(command);
    return command;
  }

  void AddClient(CLI::App* command) {
    command->add_option("--connections", options_.connections, "TCP connections of calls")
        ->check(CLI::PositiveNumber)
        ->capture_default_str();
    command->add_option("--streams", options_.streams, "WatchJobs streams")
        ->check(CLI::PositiveNumber)
        ->capture_default_str();
    command->add_option("--threads", options_.threads, "threads of this program")
        ->check(CLI::PositiveNumber)
        ->capture_default_str();
    command->add_option("--payload", options_.payload, "bytes of a job's payload")
        ->capture_default_str();
    command->add_option("--name-bytes", options_.name_bytes, "bytes of a job's name, at least 36")
        ->capture_default_str();
    command->add_option("--in-flight", options_.in_flight, "calls, or lives, under way at once")
        ->check(CLI::PositiveNumber)
        ->capture_default_str();
    command->add_option("--timeout", options_.timeout_s, "longest wait for an end (s)")
        ->check(CLI::PositiveNumber)
        ->capture_default_str();
  }

  void AddDuration(CLI::App* command) {
    command->add_option("--duration", options_.duration_s, "seconds")
        ->check(CLI::PositiveNumber)
        ->capture_default_str();
  }
  void AddRate(CLI::App* command, const std::string& what) {
    command->add_option("--rate", options_.rate, what)->check(CLI::NonNegativeNumber);
  }
  void AddJobs(CLI::App* command) { command->add_option("--jobs", options_.jobs, "how many jobs"); }
  void AddLead(CLI::App* command) {
    command->add_option("--lead", options_.lead_s,
                        "seconds in which the jobs are stored, before the first is due");
  }
  void AddDue(CLI::App* command) {
    command->add_option("--due-from", options_.due_from_s, "earliest due time (s from now)")
        ->capture_default_str();
    command->add_option("--due-spread", options_.due_spread_s, "width of the due times (s)")
        ->capture_default_str();
  }
  void AddDelay(CLI::App* command) {
    command->add_option("--delay", options_.delay_s, "from schedule to due time (s); 0: at once");
  }

  void AddServerWorkloads() {
    CLI::App* const schedule = AddWithServer("schedule", "schedule far jobs", RunSchedule);
    AddDuration(schedule);
    AddRate(schedule, "calls a second, open loop; 0: closed loop");
    AddDue(schedule);
    CLI::App* const load = AddWithServer("load", "fill the store with far jobs", RunLoad);
    AddJobs(load);
    AddDue(load);
    CLI::App* const drain = AddWithServer("drain", "receive the jobs of an earlier load", RunDrain);
    AddJobs(drain);
    drain->add_option("--run", options_.run, "the run that loaded them")->required();
    CLI::App* const burst = AddWithServer("burst", "jobs due at one instant", RunBurst);
    AddJobs(burst);
    AddLead(burst);
    CLI::App* const life = AddWithServer("life", "schedule, trigger, answer", RunLife);
    AddDuration(life);
    AddRate(life, "lives a second, open loop; 0: closed loop");
    AddDelay(life);
    CLI::App* const ticks = AddWithServer("ticks", "recurring jobs", RunTicks);
    AddJobs(ticks);
    AddDuration(ticks);
    AddLead(ticks);
    ticks->add_option("--period", options_.period_s, "seconds between ticks")
        ->check(CLI::PositiveNumber)
        ->capture_default_str();
    ticks->add_flag("--aligned", options_.aligned, "all at the second, instead of spread");
    CLI::App* const lateness = AddWithServer("lateness", "from due to handler", RunLateness);
    CLI::App* const mixed =
        AddWithServer("mixed", "lateness beside lists and prefix deletes", RunMixed);
    for (CLI::App* const command : {lateness, mixed}) {
      AddRate(command, "jobs due a second");
      AddDuration(command);
      AddLead(command);
      command->add_option("--schedule-rate", options_.schedule_rate,
                          "far jobs scheduled a second beside it");
    }
    mixed->add_option("--other-jobs", options_.other_jobs, "jobs that are listed and deleted")
        ->capture_default_str();
  }

  void AddHttp() {
    CLI::App* const schedule = AddWithServer(
        "http-schedule", "schedule far jobs through a sidecar (--target)", RunHttpSchedule);
    AddDuration(schedule);
    CLI::App* const burst = AddWithServer(
        "http-burst", "jobs due at one instant, delivered by a sidecar to an HTTP app",
        RunHttpBurst);
    AddJobs(burst);
    AddLead(burst);
    burst->add_option("--app-port", options_.app_port, "where the app listens")->required();
  }

  void AddFloors() {
    CLI::App* const sync = Add("floor-fsync", "synced writes one after the other", RunFloorFsync);
    AddDuration(sync);
    sync->add_option("--dir", options_.dir, "directory on the disk in question");
    AddDuration(Add("floor-wakeup", "how late a sleeping thread wakes", RunFloorWakeup));
    CLI::App* const rpc =
        Add("floor-rpc", "schedule, and with --jobs also burst, on a null server", RunFloorRpc);
    AddClient(rpc);
    AddDuration(rpc);
    AddJobs(rpc);
    AddLead(rpc);
    CLI::App* const life = Add("floor-life", "life on a null server", RunFloorLife);
    AddClient(life);
    AddDuration(life);
    AddRate(life, "lives a second, open loop; 0: closed loop");
    AddDelay(life);
    CLI::App* const http = Add("floor-http", "http-schedule on a null server", RunFloorHttp);
    AddClient(http);
    AddDuration(http);
    null_server_ = app_.add_subcommand("null-server", "a server that stores nothing");
    null_http_ = app_.add_subcommand("null-http", "an HTTP server that answers 204");
    for (CLI::App* const server : {null_server_, null_http_}) {
      server->add_option("--port", options_.port, "port; 0 lets the system choose");
    }
  }

  CLI::App app_{"A load generator for servers of the Scheduler protocol.", "belfry-bench"};
  CLI::App* null_server_ = nullptr;
  CLI::App* null_http_ = nullptr;
  Options options_;
  Workload workload_;
};

}  // namespace
}  // namespace belfry::bench

int main(int argc, char** argv) {
  // As in the programs that are measured: a null server that kept a graph of gRPC's locks would be
  // a floor too low.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  return belfry::bench::CommandLine().Run(argc, argv);
}
