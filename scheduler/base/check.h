#pragma once

// CHECK(condition) << "why": ends the process when a bug is found. Stays on in release builds;
// operating errors return absl::Status instead.

#include <sstream>

namespace belfry {

// Collects the message of a failed check; its destructor logs and aborts.
class CheckFailure {
 public:
  CheckFailure(const char* file, int line, const char* condition);
  [[noreturn]] ~CheckFailure();
  CheckFailure(const CheckFailure&) = delete;
  CheckFailure& operator=(const CheckFailure&) = delete;

  std::ostream& stream() { return message_; }

 private:
  std::ostringstream message_;
};

// Makes both branches of CHECK's conditional expression void.
struct CheckVoidify {
  void operator&(std::ostream&) {}
};

}  // namespace belfry

#define CHECK(condition)     \
  (condition)                \
      ? static_cast<void>(0) \
      : ::belfry::CheckVoidify() & ::belfry::CheckFailure(__FILE__, __LINE__, #condition).stream()

#ifdef NDEBUG
#define DCHECK(condition) CHECK(true || (condition))
#else
#define DCHECK(condition) CHECK(condition)
#endif
