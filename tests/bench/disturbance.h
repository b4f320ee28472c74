#pragma once

// Disturbance: another app's many jobs, listed and deleted again and again beside what is measured.

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "tests/bench/histogram.h"
#include "tests/bench/options.h"
#include "tests/bench/session.h"

namespace belfry::bench {

// Thread safety: belongs to one thread.
class Disturbance {
 public:
  struct Counts {
    uint64_t lists = 0;
    uint64_t listed = 0;  // jobs, in the first list
    uint64_t prefix_deletes = 0;
    uint64_t errors = 0;
    std::string first_error;
    Histogram list_time;
    Histogram delete_time;  // of the calls
  };

  // Works on `options.other_jobs` jobs of `app_id`.
  Disturbance(const Options& options, const std::string& app_id);
  ~Disturbance();

  // Stores the jobs, due in a day.
  absl::Status Store();
  // Begins, on a thread of its own: lists all, twice; deletes them by prefix; stores them again.
  void Start();
  // Ends after the round that is running.
  Counts Stop();

 private:
  void Main();
  void List();
  void DeletePrefix();
  void Note(const absl::Status& status);

  Options options_;
  absl::Status opened_;
  std::unique_ptr<Session> session_;
  Counts counts_;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace belfry::bench
