#include "scheduler/job/job_name.h"

#include <catch2/catch.hpp>
#include <string>

#include "scheduler/base/limits.h"

namespace belfry {
namespace {

std::string Check(std::string_view value) {
  const absl::Status status = CheckNamePart("job name", value, 1, kMaxJobNameBytes);
  if (status.ok()) return "ok";
  CHECK(status.code() == absl::StatusCode::kInvalidArgument);
  return std::string(status.message());
}

TEST_CASE("job name: what is allowed") {
  for (const char* name : {"a", "my||job@name", "hello world", "a.b", "...", ".a", "-", "_", ":",
                           "%2F", "UPPER", "\u00e9\u20ac\U0001f514", "\u0085", "\"quoted\""}) {
    INFO(name);
    CHECK(Check(name) == "ok");
  }
  CHECK(Check(std::string(kMaxJobNameBytes, 'a')) == "ok");
}

TEST_CASE("job name: what is not") {
  CHECK(Check("") == "job name \"\" is empty");
  CHECK(Check("a/b") == "job name \"a/b\" contains the forbidden character /");
  CHECK(Check("a\\b") == "job name \"a\\\\b\" contains the forbidden character \\");
  CHECK(Check("a#b") == "job name \"a#b\" contains the forbidden character #");
  CHECK(Check("a?") == "job name \"a?\" contains the forbidden character ?");
  CHECK(Check(".") == "job name \".\" is a relative path");
  CHECK(Check("..") == "job name \"..\" is a relative path");
  CHECK(Check("a\nb") == "job name \"a\\nb\" has a control character at byte 1");
  CHECK(Check(std::string_view("a\0b", 3)) ==
        "job name \"a\\x00b\" has a control character at byte 1");
  CHECK(Check("ab\x1f") == "job name \"ab\\x1f\" has a control character at byte 2");
  CHECK(Check("\x7f") == "job name \"\\x7f\" has a control character at byte 0");
  CHECK(Check("a\xff") == "job name \"a\\xff\" is not valid UTF-8");
  CHECK(Check("\xed\xa0\x80") == "job name \"\\xed\\xa0\\x80\" is not valid UTF-8");
}

TEST_CASE("job name: lengths are counted in bytes") {
  const std::string wide = std::string(kMaxJobNameBytes - 1, 'a') + "\u00e9";
  CHECK_THAT(Check(wide), Catch::EndsWith("...\" has 513 bytes, the limit is 512"));
  CHECK(CheckNamePart("actor id", "", 0, kMaxActorIdBytes).ok());
  CHECK(std::string(CheckNamePart("namespace", "ab", 3, 5).message()) ==
        "namespace \"ab\" has less than 3 bytes");
}

}  // namespace
}  // namespace belfry
