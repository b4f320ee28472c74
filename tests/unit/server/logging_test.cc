#include "server/logging.h"

#include <catch2/catch.hpp>

namespace belfry::server {
namespace {

TEST_CASE("what JSON cannot hold is escaped") {
  CHECK(JsonEscape("") == "");
  CHECK(JsonEscape("plain text") == "plain text");
  CHECK(JsonEscape("say \"hi\"") == R"(say \"hi\")");
  CHECK(JsonEscape(R"(a\b)") == R"(a\\b)");
  CHECK(JsonEscape("a\nb\tc") == R"(a\u000ab\u0009c)");
  CHECK(JsonEscape(std::string_view("\0", 1)) == R"(\u0000)");
}

TEST_CASE("UTF-8 stays as it is, and what is not UTF-8 is replaced") {
  CHECK(JsonEscape("gr\xC3\xBC\xC3\x9F") == "gr\xC3\xBC\xC3\x9F");
  CHECK(JsonEscape("\xE2\x82\xAC \xF0\x9F\x94\x94") == "\xE2\x82\xAC \xF0\x9F\x94\x94");
  CHECK(JsonEscape("\xFF") == R"(\ufffd)");
  CHECK(JsonEscape("\xC3") == R"(\ufffd)");                                // cut off
  CHECK(JsonEscape("\xC0\xAF") == R"(\ufffd\ufffd)");                      // overlong
  CHECK(JsonEscape("\xED\xA0\x80") == R"(\ufffd\ufffd\ufffd)");            // surrogate
  CHECK(JsonEscape("\xF4\x90\x80\x80") == R"(\ufffd\ufffd\ufffd\ufffd)");  // above U+10FFFF
}

}  // namespace
}  // namespace belfry::server
