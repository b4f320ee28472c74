#pragma once

// Session: what every workload begins with: connections, the maker of its jobs, meters; and the
// line of results that it ends with.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "boost/json/object.hpp"
#include "tests/bench/connections.h"
#include "tests/bench/deliveries.h"
#include "tests/bench/histogram.h"
#include "tests/bench/job_maker.h"
#include "tests/bench/options.h"
#include "tests/bench/usage.h"
#include "tests/bench/watch_stream.h"

namespace belfry::bench {

// Belongs to one thread; what it hands out says more.
class Session {
 public:
  // Connects to `options.target`; `workload` goes into the results.
  static absl::StatusOr<std::unique_ptr<Session>> Open(const Options& options,
                                                       const std::string& workload);

  const Options& options() const { return options_; }
  Connections& connections() { return *connections_; }
  const JobMaker& maker() const { return maker_; }

  // Opens all streams for an app; `handler` as in WatchStream. They last as long as the session.
  absl::Status Watch(const std::string& app_id, const WatchStream::Handler& handler);
  // The first stream's error; OK while all are well.
  absl::Status StreamError() const;
  // Waits until every answer was handed to the network; false after `timeout_ns`.
  bool WaitForAnswers(int64_t timeout_ns) const;
  void StopWatching() { streams_.clear(); }

  // Waits until the server says of all these jobs that they do not exist, that is, until their
  // last answers were taken and made durable; DeadlineExceeded after `timeout_ns`.
  absl::Status WaitUntilGone(const std::vector<JobTag>& jobs, int64_t timeout_ns);

  // The end of a run of `jobs` jobs: waits until they were delivered and answered and are gone at
  // the server, each for the run's timeout, ends the meter, and adds what came of them to the line.
  // Returns the counts and, in `end_ns`, when that was (monotonic).
  DeliveryCounts FinishDeliveries(Deliveries* deliveries, uint64_t jobs, int64_t* end_ns);

  // Forgets the run's jobs at the server.
  absl::Status DeleteJobs(const std::string& app_id);

  // From now on usage is counted.
  void BeginMeter();
  // The results so far, to be added to; EndMeter adds what was used since BeginMeter.
  boost::json::object& line() { return line_; }
  void EndMeter();

 private:
  Session(const Options& options, const std::string& workload);

  const Options options_;
  const JobMaker maker_;
  boost::json::object line_;
  std::unique_ptr<Connections> connections_;
  std::vector<std::unique_ptr<WatchStream>> streams_;  // before the connections they use
  std::unique_ptr<UsageMeter> meter_;
};

// A histogram as milliseconds: count, min, p50, p90, p99, p99_9, max, mean.
boost::json::object ToMilliseconds(const Histogram& histogram);

// Writes a line about what is going on to standard error.
void Progress(const std::string& text);

}  // namespace belfry::bench
