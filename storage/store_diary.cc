#include "storage/store_diary.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdarg>
#include <cstdio>
#include <utility>

#include "spdlog/logger.h"
#include "spdlog/sinks/rotating_file_sink.h"
#include "spdlog/spdlog.h"

namespace belfry {
namespace {

// Longer lines are cut.
constexpr size_t kLineBytesMax = size_t{4} << 10;
constexpr char kLinePattern[] = "%Y-%m-%dT%H:%M:%S.%fZ %t %v";

class SilentLogger final : public rocksdb::Logger {
 public:
  using rocksdb::Logger::Logv;
  void Logv(const char*, va_list) override {}
};

class Diary final : public rocksdb::Logger {
 public:
  // Throws spdlog_ex if the file cannot be opened.
  explicit Diary(const std::string& path)
      : logger_("diary", std::make_shared<spdlog::sinks::rotating_file_sink_mt>(
                             path, kDiaryBytesMax, kDiaryFiles - 1, /*rotate_on_open=*/true)) {
    logger_.set_pattern(kLinePattern, spdlog::pattern_time_type::utc);
    logger_.set_error_handler([this](const std::string& error) { NoteLost(error); });
  }

  using rocksdb::Logger::Logv;
  void Logv(const char* format, va_list values) override {
    std::array<char, kLineBytesMax> line;
    const int length = std::vsnprintf(line.data(), line.size(), format, values);
    if (length < 0) return NoteLost("a line has a wrong format");
    const size_t kept = std::min(static_cast<size_t>(length), line.size() - 1);
    logger_.info(spdlog::string_view_t(line.data(), kept));
  }
  void Flush() override { logger_.flush(); }

 private:
  void NoteLost(const std::string& error) {
    if (has_lost_.exchange(true)) return;
    spdlog::warn("the store's diary loses lines error=\"{}\"", error);
  }

  spdlog::logger logger_;
  std::atomic<bool> has_lost_ = false;
};

}  // namespace

std::shared_ptr<rocksdb::Logger> BeginDiary(const std::string& directory) {
  const std::string path = directory + "/LOG";
  try {  // spdlog reports by exceptions
    return std::make_shared<Diary>(path);
  } catch (const spdlog::spdlog_ex& error) {
    spdlog::warn("the store keeps no diary error=\"{}\"", error.what());
    return NoDiary();
  }
}

std::shared_ptr<rocksdb::Logger> NoDiary() { return std::make_shared<SilentLogger>(); }

}  // namespace belfry
