#include "server/process_metrics.h"

#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>
#include <string_view>
#include <system_error>

namespace belfry::server {
namespace {

namespace fs = std::filesystem;
using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

MetricFamily Single(std::string name, std::string help, MetricType type, double value) {
  ClientMetric metric;
  if (type == MetricType::Counter) {
    metric.counter.value = value;
  } else {
    metric.gauge.value = value;
  }
  return MetricFamily{std::move(name), std::move(help), type, {std::move(metric)}};
}

// The fields of /proc/self/stat from the third on; the second may hold blanks and brackets.
std::vector<std::string> StatFields() {
  std::ifstream file("/proc/self/stat");
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  const std::size_t bracket = text.rfind(')');
  if (bracket == std::string::npos) return {};
  std::istringstream rest(text.substr(bracket + 1));
  return {std::istream_iterator<std::string>(rest), std::istream_iterator<std::string>()};
}

// The field with this number in the manual's count, which begins with 1.
std::optional<double> Field(const std::vector<std::string>& fields, std::size_t number) {
  const std::size_t index = number - 3;
  if (index >= fields.size()) return std::nullopt;
  return std::strtod(fields[index].c_str(), nullptr);
}

// When the machine started, in seconds since 1970.
std::optional<double> BootTime() {
  std::ifstream file("/proc/stat");
  std::string name;
  while (file >> name) {
    double value = 0;
    if (name == "btime" && file >> value) return value;
    std::getline(file, name);
  }
  return std::nullopt;
}

std::optional<double> OpenFiles() {
  std::error_code error;
  double count = 0;
  fs::directory_iterator entry("/proc/self/fd", error);
  for (; !error && entry != fs::directory_iterator(); entry.increment(error)) ++count;
  if (error) return std::nullopt;
  return count - 1;  // one is the look itself
}

std::optional<double> MaxOpenFiles() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return std::nullopt;
  return static_cast<double>(limit.rlim_cur);
}

}  // namespace

std::vector<MetricFamily> ProcessMetrics() {
  // Numbers of the fields in /proc/self/stat.
  constexpr std::size_t kUserTicks = 14;
  constexpr std::size_t kSystemTicks = 15;
  constexpr std::size_t kStartTicks = 22;
  constexpr std::size_t kVirtualBytes = 23;
  constexpr std::size_t kResidentPages = 24;

  std::vector<MetricFamily> families;
  const auto add = [&families](std::string name, std::string help, MetricType type,
                               std::optional<double> value) {
    if (!value) return;
    families.push_back(Single(std::move(name), std::move(help), type, *value));
  };
  const std::vector<std::string> stat = StatFields();
  const auto ticks_per_second = static_cast<double>(sysconf(_SC_CLK_TCK));
  const auto page_bytes = static_cast<double>(sysconf(_SC_PAGESIZE));

  const auto user = Field(stat, kUserTicks);
  const auto system = Field(stat, kSystemTicks);
  if (user && system) {
    add("process_cpu_seconds_total", "Processor time used, in seconds", MetricType::Counter,
        (*user + *system) / ticks_per_second);
  }
  const auto boot = BootTime();
  const auto start = Field(stat, kStartTicks);
  if (boot && start) {
    add("process_start_time_seconds", "When the process started, in seconds since 1970",
        MetricType::Gauge, *boot + *start / ticks_per_second);
  }
  add("process_virtual_memory_bytes", "Virtual memory, in bytes", MetricType::Gauge,
      Field(stat, kVirtualBytes));
  if (const auto pages = Field(stat, kResidentPages)) {
    add("process_resident_memory_bytes", "Resident memory, in bytes", MetricType::Gauge,
        *pages * page_bytes);
  }
  add("process_open_fds", "Open file descriptors", MetricType::Gauge, OpenFiles());
  add("process_max_fds", "Most file descriptors that may be open", MetricType::Gauge,
      MaxOpenFiles());
  return families;
}

double DirectoryBytes(const std::string& directory) {
  double bytes = 0;
  std::error_code error;
  fs::recursive_directory_iterator entry(directory, error);
  for (; !error && entry != fs::recursive_directory_iterator(); entry.increment(error)) {
    std::error_code gone;
    if (!entry->is_regular_file(gone)) continue;
    const std::uintmax_t size = entry->file_size(gone);
    if (!gone) bytes += static_cast<double>(size);
  }
  return bytes;
}

std::vector<MetricFamily> StoreMetrics(double bytes, bool leads) {
  return {
      Single("belfry_store_bytes", "Bytes of the files in the data directory", MetricType::Gauge,
             bytes),
      Single("etcd_mvcc_db_total_size_in_bytes",
             "The same as belfry_store_bytes, for dashboards made for an etcd", MetricType::Gauge,
             bytes),
      Single("etcd_server_has_leader",
             "1 while this scheduler fires jobs, for dashboards made for an etcd",
             MetricType::Gauge, leads ? 1 : 0),
  };
}

std::vector<MetricFamily> DiskMetrics(const DiskReserve::State& state) {
  return {
      Single("belfry_disk_free_bytes", "Free bytes on the disk of the data directory",
             MetricType::Gauge, static_cast<double>(state.free_bytes)),
      Single("belfry_disk_reserve_bytes", "Free bytes below which new jobs are refused",
             MetricType::Gauge, static_cast<double>(state.reserve_bytes)),
      Single("belfry_disk_ballast_bytes", "Bytes of the ballast file; 0 while it is given up",
             MetricType::Gauge, static_cast<double>(state.ballast_bytes)),
      Single("belfry_disk_refusing", "1 while new jobs are refused for lack of disk space",
             MetricType::Gauge, state.is_refusing ? 1 : 0),
      Single("belfry_disk_refused_jobs_total", "Jobs refused for lack of disk space",
             MetricType::Counter, static_cast<double>(state.refused_count)),
  };
}

}  // namespace belfry::server
