#pragma once

// Takes the bytes of a fuzzer apart, so that text comes first and hand-written seeds stay readable.

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace belfry {

class FuzzInput {
 public:
  FuzzInput(const uint8_t* data, size_t size)
      : rest_(size == 0 ? std::string_view()
                        : std::string_view(reinterpret_cast<const char*>(data), size)) {}

  // All up to the first zero byte, or up to the end.
  std::string_view TakeText() {
    const std::string_view text = rest_.substr(0, rest_.find('\0'));
    rest_.remove_prefix(text.size() < rest_.size() ? text.size() + 1 : text.size());
    return text;
  }

  // A part of the length that the next byte says; shorter at the end.
  std::string_view TakePart() {
    if (rest_.empty()) return {};
    const size_t length = static_cast<unsigned char>(rest_.front());
    const std::string_view part = rest_.substr(1, length);
    rest_.remove_prefix(1 + part.size());
    return part;
  }

  // As TakePart, with two bytes for the length, the higher one first.
  std::string_view TakeLongPart() {
    size_t length = 0;
    for (int i = 0; i < 2 && !rest_.empty(); ++i) {
      length = (length << 8) | static_cast<unsigned char>(rest_.front());
      rest_.remove_prefix(1);
    }
    const std::string_view part = rest_.substr(0, length);
    rest_.remove_prefix(part.size());
    return part;
  }

  // Up to eight bytes as a big-endian number; 0 at the end.
  uint64_t TakeNumber() {
    uint64_t number = 0;
    for (int i = 0; i < 8 && !rest_.empty(); ++i) {
      number = (number << 8) | static_cast<unsigned char>(rest_.front());
      rest_.remove_prefix(1);
    }
    return number;
  }

  std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
};

}  // namespace belfry
