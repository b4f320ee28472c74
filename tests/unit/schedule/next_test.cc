#include "client/cli/next.h"

#include <catch2/catch.hpp>
#include <sstream>

#include "tests/unit/schedule/times.h"

namespace belfry {
namespace {

class StoppedClock final : public Clock {
 public:
  absl::Time Now() override { return At("2024-04-24T11:00:00.25Z"); }
  absl::Duration Monotonic() override { return absl::ZeroDuration(); }
};

struct Result {
  int exit_code = 0;
  std::string out;
  std::string err;
};

Result Run(const NextOptions& options) {
  StoppedClock clock;
  std::ostringstream out;
  std::ostringstream err;
  const int exit_code = RunNext(options, clock, out, err);
  return {exit_code, out.str(), err.str()};
}

// One line on stderr, nothing on stdout; without the program's name in front.
std::string Refused(const NextOptions& options) {
  const Result result = Run(options);
  CHECK(result.exit_code == 2);
  CHECK(result.out.empty());
  const std::string start = "belfry next: ";
  REQUIRE(result.err.starts_with(start));
  REQUIRE(result.err.find('\n') == result.err.size() - 1);
  return result.err.substr(start.size(), result.err.size() - start.size() - 1);
}

TEST_CASE("next: prints the ticks of a job created now or at --from") {
  Result result = Run({.schedule = "@every 1h"});
  CHECK(result.exit_code == 0);
  CHECK(result.err.empty());
  CHECK(result.out ==
        "2024-04-24T12:00:00.25Z\n2024-04-24T13:00:00.25Z\n2024-04-24T14:00:00.25Z\n"
        "2024-04-24T15:00:00.25Z\n2024-04-24T16:00:00.25Z\n");

  result = Run({.schedule = "TZ=Europe/Berlin 0 30 2 * * *",
                .from = "2024-10-26T12:00:00+02:00",
                .count = "3"});
  CHECK(result.out == "2024-10-27T00:30:00Z\n2024-10-27T01:30:00Z\n2024-10-28T01:30:00Z\n");
}

TEST_CASE("next: the due time is the first tick, repeats and ttl end the list") {
  CHECK(Run({.due_time = "1s"}).out == "2024-04-24T11:00:01.25Z\n");
  CHECK(Run({.schedule = "@every 5s", .due_time = "1s", .repeats = "2"}).out ==
        "2024-04-24T11:00:01.25Z\n2024-04-24T11:00:06.25Z\n");
  CHECK(Run({.schedule = "@every 1s", .ttl = "2s"}).out ==
        "2024-04-24T11:00:01.25Z\n2024-04-24T11:00:02.25Z\n");
  CHECK(Run({.due_time = "2020-01-01T00:00:00Z"}).out == "2020-01-01T00:00:00Z\n");
}

TEST_CASE("next: prints nothing when there is no tick") {
  const Result result = Run({.schedule = "@every 1s", .ttl = "0s"});
  CHECK(result.exit_code == 0);
  CHECK(result.out.empty());
  CHECK(result.err.empty());
}

TEST_CASE("next: errors name the option and the value") {
  CHECK(Refused({}) == "job failed validation: job must have either a due time or a schedule");
  CHECK(Refused({.schedule = "61 * * * * *"}) ==
        "job failed validation: schedule \"61 * * * * *\": second 61 is out of range 0-59");
  CHECK(Refused({.schedule = "* * * * *"}) ==
        "schedule \"* * * * *\": job failed validation: expected exactly 6 fields, found 5: "
        "[* * * * *]");
  CHECK(Refused({.schedule = ""}) == "job failed validation: schedule \"\": it is empty");
  CHECK(Refused({.schedule = "0 0 0 30 2 *"}) ==
        "job failed validation: schedule \"0 0 0 30 2 *\": schedule never fires");
  CHECK(Refused({.due_time = "soon"}) ==
        "--due-time \"soon\": job failed validation: due time format not recognized");
  CHECK(Refused({.schedule = "@daily", .ttl = "long"}) ==
        "--ttl \"long\": job failed validation: ttl format not recognized");
  CHECK(Refused({.due_time = "1s", .ttl = "1h"}) ==
        "--ttl \"1h\": job failed validation: job must have a schedule to have a ttl");
  CHECK(Refused({.due_time = "1s", .repeats = "2"}) ==
        "--repeats \"2\": job failed validation: job must have a schedule to repeat");
  CHECK(Refused({.schedule = "@daily", .repeats = "0"}) ==
        "--repeats \"0\": job failed validation: defined repeats must be greater than 0");
  CHECK(Refused({.schedule = "@daily", .repeats = "x"}) == "--repeats \"x\": not a number");
  CHECK(Refused({.schedule = "@daily", .repeats = "-1"}) == "--repeats \"-1\": not a number");
  CHECK(Refused({.schedule = "@daily", .repeats = "4294967296"}) ==
        "--repeats \"4294967296\": out of range 0-4294967295");
  CHECK(Refused({.schedule = "@daily", .count = "0"}) == "--count \"0\": out of range 1-100000");
  CHECK(Refused({.schedule = "@daily", .count = ""}) == "--count \"\": not a number");
  CHECK(Refused({.schedule = "@daily", .count = "5x"}) == "--count \"5x\": not a number");
  CHECK(Refused({.schedule = "@daily", .from = "yesterday"}) ==
        "--from \"yesterday\": not an RFC 3339 time in the years 1-9999");
  CHECK(Refused({.schedule = "@daily", .from = "0000-01-01T00:00:00Z"}) ==
        "--from \"0000-01-01T00:00:00Z\": not an RFC 3339 time in the years 1-9999");
  CHECK(Refused({.schedule = "line\nbreak"}).find('\n') == std::string::npos);
}

}  // namespace
}  // namespace belfry
