#pragma once

// What a run is asked to do; filled from the command line by main.cc.

#include <cstddef>
#include <cstdint>
#include <string>

namespace belfry::bench {

struct Options {
  // The server, and how it is talked to.
  std::string target;
  std::string namespace_ = "bench";
  std::string app_id;   // empty: one of its own for each run
  std::string run;      // drain: the run whose jobs they are, as its results told it
  int connections = 4;  // TCP connections of unary calls
  int streams = 3;      // WatchJobs streams, each on a connection of its own
  int threads = 1;      // threads of the load generator
  size_t payload = 200;
  size_t name_bytes = 40;

  // What of the server is watched; both may be absent.
  int pid = 0;
  std::string data_dir;

  // The load.
  int in_flight = 256;
  double rate = 0;  // per second; 0: closed loop
  double duration_s = 10;
  uint64_t jobs = 0;
  double period_s = 1;
  bool aligned = false;          // ticks: all at one phase
  double lead_s = 0;             // from the beginning of a run to the first due time; 0: estimated
  double due_from_s = 3600;      // schedule, load: earliest due time from now
  double due_spread_s = 82800;   // schedule, load: width of the due times
  double delay_s = 0;            // life: from the schedule to the due time; 0: at once
  double schedule_rate = 0;      // lateness, mixed: schedules of far jobs beside it
  uint64_t other_jobs = 100000;  // mixed: what lists and prefix deletes work on
  double timeout_s = 60;         // longest wait for what is due or under way to end
  std::string dir;               // floor-fsync: where to write

  int port = 0;      // null-server, null-http: 0 lets the system choose
  int app_port = 0;  // http-burst: where the app listens
};

}  // namespace belfry::bench
