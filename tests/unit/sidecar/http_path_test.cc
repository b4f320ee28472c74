#include "client/sidecar/http_path.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

namespace belfry::sidecar {
namespace {

using Segments = std::vector<std::string_view>;

TEST_CASE("paths are cleaned before their escapes are looked at") {
  CHECK(CleanSegments("/v1.0/jobs/a") == Segments{"v1.0", "jobs", "a"});
  CHECK(CleanSegments("//v1.0/./jobs//a/") == Segments{"v1.0", "jobs", "a"});
  CHECK(CleanSegments("/v1.0/jobs/a/../b") == Segments{"v1.0", "jobs", "b"});
  CHECK(CleanSegments("/../../x") == Segments{"x"});
  CHECK(CleanSegments("/v1.0/jobs/a%2Fb%2e%2e") == Segments{"v1.0", "jobs", "a%2Fb%2e%2e"});
  CHECK(CleanSegments("/").empty());
  CHECK(CleanSegments("").empty());
}

TEST_CASE("names are unescaped as in a query") {
  CHECK(QueryUnescape("a%2Fb") == "a/b");
  CHECK(QueryUnescape("a+b%20c%2B") == "a b c+");
  CHECK(QueryUnescape("%e2%82%AC") == "\u20ac");
  CHECK(QueryUnescape("") == "");
  for (const char* text : {"%", "%2", "%zz", "a%2g", "50%"}) {
    CAPTURE(text);
    CHECK_FALSE(QueryUnescape(text));
  }
}

TEST_CASE("the path of a delivery keeps the name") {
  CHECK(JobPath("jobforjabba") == "/job/jobforjabba");
  CHECK(JobPath("a b") == "/job/a%20b");
  CHECK(JobPath("@a:b&c=d+e$f;g,h") == "/job/@a:b&c=d+e$f;g,h");
  CHECK(JobPath("50%") == "/job/50%25");
  CHECK(JobPath("a%20b") == "/job/a%2520b");
  CHECK(JobPath("\u00e4|\"") == "/job/%C3%A4%7C%22");
  CHECK(JobPath("/a") == "/job/a");
  CHECK(JobPath("a?b#c") == "/job/a%3Fb%23c");
}

}  // namespace
}  // namespace belfry::sidecar
