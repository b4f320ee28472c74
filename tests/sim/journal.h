#pragma once

// Journal: what happened in a run, line by line, with a digest that tells two runs apart, and the
// first thing that went against the rules.
// Not thread-safe.

#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <utility>

#include "spdlog/fmt/fmt.h"

namespace belfry::sim {

class Journal {
 public:
  explicit Journal(bool print) : print_(print) {}

  template <typename... Args>
  void Note(fmt::format_string<Args...> format, Args&&... args) {
    line_.clear();
    fmt::format_to(std::back_inserter(line_), format, std::forward<Args>(args)...);
    Add(line_);
  }

  // The run broke a rule; later failures are consequences and are not kept.
  template <typename... Args>
  void Fail(fmt::format_string<Args...> format, Args&&... args) {
    if (failed()) return;
    failure_ = fmt::format(format, std::forward<Args>(args)...);
    Add("FAILED: " + failure_);
  }

  bool failed() const { return !failure_.empty(); }
  const std::string& failure() const { return failure_; }
  // Of all lines so far (FNV-1a).
  uint64_t digest() const { return digest_; }

 private:
  void Add(std::string_view line) {
    for (const char c : line) {
      digest_ ^= static_cast<unsigned char>(c);
      digest_ *= 0x100000001b3;
    }
    if (print_) fmt::print("{}\n", line);
  }

  const bool print_;
  std::string line_;
  std::string failure_;
  uint64_t digest_ = 0xcbf29ce484222325;
};

}  // namespace belfry::sim
