#pragma once

// What a server has used: CPU time, memory and bytes written from /proc, and the growth of its
// write-ahead log.

#include <atomic>
#include <cstdint>
#include <map>
#include <string>
#include <thread>

#include "boost/json/object.hpp"

namespace belfry::bench {

// A reading of /proc/PID; zeros if the process is not there.
struct Usage {
  double cpu_s = 0;  // user and system
  uint64_t rss_bytes = 0;
  uint64_t peak_rss_bytes = 0;
  uint64_t written_bytes = 0;  // that went to a block device

  static Usage Of(int pid);
};

// Adds up how much the logs (*.log) in a directory grow, by looking at them 50 times a second: a
// log that is deleted between two looks is counted without its last growth.
// Thread safety: belongs to its owner.
class WalGrowth {
 public:
  // Watches nothing if `directory` is empty.
  explicit WalGrowth(const std::string& directory);
  ~WalGrowth();
  WalGrowth(const WalGrowth&) = delete;
  WalGrowth& operator=(const WalGrowth&) = delete;

  uint64_t bytes() const { return bytes_.load(); }

 private:
  void Look();

  const std::string directory_;
  std::map<std::string, uint64_t> sizes_;
  std::atomic<uint64_t> bytes_{0};
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

// What a server uses between the construction and Report, for one line of results.
class UsageMeter {
 public:
  // `pid` 0: no process is watched; `data_dir` empty: no log is.
  UsageMeter(int pid, const std::string& data_dir);

  // Adds what was used since the construction, by the server and by this process.
  void Report(boost::json::object* line) const;

 private:
  const int pid_;
  const Usage server_;
  const Usage self_;
  const bool watches_log_;
  WalGrowth wal_;
};

}  // namespace belfry::bench
