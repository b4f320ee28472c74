#include "tests/bench/usage.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>

#include "fmt/format.h"
#include "tests/bench/clock.h"

namespace belfry::bench {
namespace {

constexpr int64_t kLookInterval = 20 * kNsPerMs;
// Fields of /proc/PID/stat after the name, which may hold spaces: state is the first.
constexpr int kUserTimeField = 12;

// The number behind `label` at the beginning of a line of a file of /proc.
uint64_t Labelled(const std::string& path, const std::string& label) {
  std::ifstream file(path);
  std::string line;
  while (std::getline(file, line)) {
    if (!line.starts_with(label)) continue;
    return std::stoull(line.substr(label.size()));
  }
  return 0;
}

double CpuSeconds(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  const size_t name_end = line.rfind(')');
  if (name_end == std::string::npos) return 0;
  std::istringstream fields(line.substr(name_end + 1));
  std::string skipped;
  for (int i = 1; i < kUserTimeField; ++i) fields >> skipped;
  double user = 0;
  double system = 0;
  fields >> user >> system;
  return (user + system) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

}  // namespace

Usage Usage::Of(int pid) {
  constexpr uint64_t kKb = 1024;
  const std::string process = fmt::format("/proc/{}/", pid);
  Usage usage;
  usage.cpu_s = CpuSeconds(process + "stat");
  usage.rss_bytes = Labelled(process + "status", "VmRSS:") * kKb;
  usage.peak_rss_bytes = Labelled(process + "status", "VmHWM:") * kKb;
  usage.written_bytes = Labelled(process + "io", "write_bytes:");
  return usage;
}

WalGrowth::WalGrowth(const std::string& directory) : directory_(directory) {
  if (directory_.empty()) return;
  Look();
  bytes_ = 0;
  thread_ = std::thread([this] {
    while (!stopping_.load()) {
      SleepFor(kLookInterval);
      Look();
    }
  });
}

WalGrowth::~WalGrowth() {
  stopping_ = true;
  if (thread_.joinable()) thread_.join();
}

void WalGrowth::Look() {
  std::error_code error;
  for (const auto& file : std::filesystem::directory_iterator(directory_, error)) {
    if (file.path().extension() != ".log") continue;
    const uint64_t size = file.file_size(error);
    if (error) continue;  // just deleted
    uint64_t& known = sizes_[file.path().filename()];
    if (size <= known) continue;
    bytes_ += size - known;
    known = size;
  }
}

UsageMeter::UsageMeter(int pid, const std::string& data_dir)
    : pid_(pid),
      server_(Usage::Of(pid)),
      self_(Usage::Of(getpid())),
      watches_log_(!data_dir.empty()),
      wal_(data_dir) {}

void UsageMeter::Report(boost::json::object* line) const {
  (*line)["client_cpu_s"] = Usage::Of(getpid()).cpu_s - self_.cpu_s;
  if (watches_log_) (*line)["wal_bytes"] = wal_.bytes();
  if (pid_ == 0) return;
  const Usage now = Usage::Of(pid_);
  (*line)["server_cpu_s"] = now.cpu_s - server_.cpu_s;
  (*line)["server_rss_mb"] = static_cast<double>(now.rss_bytes) / 1e6;
  (*line)["server_peak_rss_mb"] = static_cast<double>(now.peak_rss_bytes) / 1e6;
  (*line)["server_written_mb"] =
      static_cast<double>(now.written_bytes - server_.written_bytes) / 1e6;
}

}  // namespace belfry::bench
