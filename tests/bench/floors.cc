// Floors: what the machine can do at best.

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>

#include "fmt/format.h"
#include "rocksdb/db.h"
#include "tests/bench/clock.h"
#include "tests/bench/null_server.h"
#include "tests/bench/session.h"
#include "tests/bench/wakeup_probe.h"
#include "tests/bench/workloads.h"

namespace belfry::bench {
namespace {

constexpr size_t kBlock = 4096;
constexpr size_t kRecord = 300;  // what a job of 200 bytes comes to

// A directory that goes with this object.
class Scratch {
 public:
  static absl::StatusOr<std::unique_ptr<Scratch>> Make(const std::string& parent) {
    std::string path = fmt::format("{}/belfry-bench-XXXXXX", parent.empty() ? "." : parent);
    if (mkdtemp(path.data()) == nullptr) {
      return absl::InvalidArgumentError(
          fmt::format("--dir \"{}\": {}", parent, std::strerror(errno)));
    }
    return std::make_unique<Scratch>(path);
  }
  explicit Scratch(std::string path) : path_(std::move(path)) {}
  ~Scratch() {
    std::error_code error;
    std::filesystem::remove_all(path_, error);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  const std::string& path() const { return path_; }

 private:
  const std::string path_;
};

// Appends of a block, each followed by fdatasync.
absl::StatusOr<Histogram> SyncedAppends(const std::string& path, int64_t duration_ns) {
  const int file = open(path.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
  if (file < 0) return absl::UnavailableError(fmt::format("{}: {}", path, std::strerror(errno)));
  const std::string block(kBlock, 'x');
  Histogram histogram;
  const int64_t end = MonotonicNs() + duration_ns;
  bool ok = true;
  while (ok && MonotonicNs() < end) {
    const int64_t began = MonotonicNs();
    ok = write(file, block.data(), block.size()) == static_cast<ssize_t>(block.size()) &&
         fdatasync(file) == 0;
    histogram.Record(MonotonicNs() - began);
  }
  const int error = errno;
  close(file);
  if (!ok) return absl::UnavailableError(fmt::format("{}: {}", path, std::strerror(error)));
  return histogram;
}

// Puts of a record into RocksDB, each synced.
absl::StatusOr<Histogram> SyncedPuts(const std::string& path, int64_t duration_ns) {
  rocksdb::Options options;
  options.create_if_missing = true;
  rocksdb::DB* opened = nullptr;
  if (const auto status = rocksdb::DB::Open(options, path, &opened); !status.ok()) {
    return absl::UnavailableError(status.ToString());
  }
  const std::unique_ptr<rocksdb::DB> db(opened);
  rocksdb::WriteOptions synced;
  synced.sync = true;
  const std::string value(kRecord, 'x');
  Histogram histogram;
  const int64_t end = MonotonicNs() + duration_ns;
  for (uint64_t i = 0; MonotonicNs() < end; ++i) {
    const int64_t began = MonotonicNs();
    const auto status = db->Put(synced, fmt::format("{:016}", i), value);
    histogram.Record(MonotonicNs() - began);
    if (!status.ok()) return absl::UnavailableError(status.ToString());
  }
  return histogram;
}

double PerSecond(const Histogram& histogram) {
  return histogram.mean() > 0 ? static_cast<double>(kNsPerSecond) / histogram.mean() : 0;
}

// The options for a run against a null server.
Options Against(const NullProcess& server, Options options) {
  options.target = fmt::format("127.0.0.1:{}", server.port());
  options.pid = server.pid();
  options.data_dir.clear();
  return options;
}

}  // namespace

absl::StatusOr<boost::json::object> RunFloorFsync(const Options& options) {
  const auto scratch = Scratch::Make(options.dir);
  if (!scratch.ok()) return scratch.status();
  const int64_t half = SecondsToNs(options.duration_s / 2);
  const auto appends = SyncedAppends((*scratch)->path() + "/appends", half);
  if (!appends.ok()) return appends.status();
  const auto puts = SyncedPuts((*scratch)->path() + "/store", half);
  if (!puts.ok()) return puts.status();
  boost::json::object line;
  line["workload"] = "floor-fsync";
  line["fdatasync_4k_per_s"] = PerSecond(*appends);
  line["fdatasync_4k_ms"] = ToMilliseconds(*appends);
  line["synced_put_per_s"] = PerSecond(*puts);
  line["synced_put_ms"] = ToMilliseconds(*puts);
  return line;
}

absl::StatusOr<boost::json::object> RunFloorWakeup(const Options& options) {
  WakeupProbe probe;
  SleepFor(SecondsToNs(options.duration_s));
  boost::json::object line;
  line["workload"] = "floor-wakeup";
  line["floor_ms"] = ToMilliseconds(probe.Stop());
  return line;
}

absl::StatusOr<boost::json::object> RunFloorRpc(const Options& options) {
  const auto server = NullProcess::Start("null-server");
  if (!server.ok()) return server.status();
  auto unary = RunSchedule(Against(**server, options));
  if (!unary.ok()) return unary.status();
  boost::json::object line;
  line["workload"] = "floor-rpc";
  line["unary"] = *std::move(unary);
  if (options.jobs == 0) return line;
  auto stream = RunBurst(Against(**server, options));
  if (!stream.ok()) return stream.status();
  line["stream"] = *std::move(stream);
  return line;
}

absl::StatusOr<boost::json::object> RunFloorLife(const Options& options) {
  const auto server = NullProcess::Start("null-server");
  if (!server.ok()) return server.status();
  auto life = RunLife(Against(**server, options));
  if (!life.ok()) return life.status();
  (*life)["workload"] = "floor-life";
  return life;
}

absl::StatusOr<boost::json::object> RunFloorHttp(const Options& options) {
  const auto server = NullProcess::Start("null-http");
  if (!server.ok()) return server.status();
  auto line = RunHttpSchedule(Against(**server, options));
  if (!line.ok()) return line.status();
  (*line)["workload"] = "floor-http";
  return line;
}

}  // namespace belfry::bench
