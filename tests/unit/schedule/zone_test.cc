#include "scheduler/schedule/zone.h"

#include <catch2/catch.hpp>

#include "tests/unit/schedule/times.h"

namespace belfry {
namespace {

TEST_CASE("zone: IANA names") {
  for (const char* name :
       {"Europe/Berlin", "America/Port-au-Prince", "America/Argentina/Buenos_Aires", "US/Eastern",
        "EST5EDT", "Etc/GMT+5", "Etc/GMT-14", "Etc/UTC", "GMT", "GMT+0", "Zulu", "UTC"}) {
    INFO(name);
    CHECK(LoadZone(name).ok());
  }
  const auto berlin = LoadZone("Europe/Berlin");
  REQUIRE(berlin.ok());
  CHECK(berlin->At(At("2024-07-01T00:00:00Z")).offset == 7200);
}

TEST_CASE("zone: no name and the machine's zone are UTC") {
  for (const char* name : {"", "Local", "UTC"}) {
    const auto zone = LoadZone(name);
    REQUIRE(zone.ok());
    CHECK(*zone == absl::UTCTimeZone());
  }
}

TEST_CASE("zone: nothing but the name of a zone is accepted") {
  for (const char* name : {"..",
                           "../UTC",
                           "Europe/../UTC",
                           "./UTC",
                           "Europe/./Berlin",
                           "/UTC",
                           "/usr/share/zoneinfo/UTC",
                           "\\UTC",
                           "file:UTC",
                           "file:/etc/localtime",
                           "libc:UTC",
                           "libc:localtime",
                           "localtime",
                           ":Europe/Berlin",
                           "Fixed/UTC+05:30",
                           "Fixed/UTC+05:30:00",
                           "posix/Europe/Berlin",
                           "right/Europe/Berlin",
                           "posixrules",
                           "UTC0",
                           "+05:30",
                           "+0530",
                           "-5",
                           "UTC+5",
                           "GMT+5",
                           "<+03>-3",
                           "EST5EDT,M3.2.0,M11.1.0",
                           "europe/berlin",
                           "EUROPE/BERLIN",
                           "utc",
                           "local",
                           "Europe",
                           "Europe/",
                           "Europe//Berlin",
                           "Europe/Berlin/",
                           "Europe/Berlin ",
                           "Mars/Olympus",
                           "zone.tab",
                           "zone1970.tab",
                           "tzdata.zi",
                           "leapseconds",
                           "Berlin",
                           "Europe\\Berlin",
                           "Europe/Berlin\n"}) {
    INFO(name);
    const auto zone = LoadZone(name);
    CHECK(!zone.ok());
    CHECK(zone.status().code() == absl::StatusCode::kInvalidArgument);
  }
  CHECK(!LoadZone(std::string_view("UTC\0x", 5)).ok());
  CHECK(!LoadZone(std::string(kMaxZoneNameBytes + 1, 'A')).ok());
  CHECK(Message(LoadZone("utc").status()) == "unknown time zone \"utc\"");
}

}  // namespace
}  // namespace belfry
