#include "server/spiffe_id.h"

#include <catch2/catch.hpp>
#include <string>

namespace belfry::server {
namespace {

TEST_CASE("an id of an app names its namespace and app id") {
  CHECK(ParseAppIdentity("spiffe://example.org/ns/test/app") == AppIdentity{"test", "app"});
  CHECK(ParseAppIdentity("spiffe://public/ns/Test_1/my.App-2") ==
        AppIdentity{"Test_1", "my.App-2"});
}

TEST_CASE("segments behind the app id do not count") {
  CHECK(ParseAppIdentity("spiffe://td/ns/a/b/c/d") == AppIdentity{"a", "b"});
}

TEST_CASE("ids of another form name no app") {
  const std::string id = GENERATE(as<std::string>(), "spiffe://td/ns/a", "spiffe://td/sa/a/b",
                                  "spiffe://td/NS/a/b", "spiffe://td/ops");
  CAPTURE(id);
  CHECK(IsSpiffeId(id));
  CHECK_FALSE(ParseAppIdentity(id).has_value());
}

TEST_CASE("what is no SPIFFE id names nobody") {
  const std::string id = GENERATE(
      as<std::string>(), "", "spiffe://", "spiffe://td", "spiffe://td/", "spiffe:///ns/a/b",
      "https://td/ns/a/b", "SPIFFE://td/ns/a/b", "spiffe://TD/ns/a/b", "spiffe://td:1/ns/a/b",
      "spiffe://u@td/ns/a/b", "spiffe://td/ns/a/b/", "spiffe://td/ns//b", "spiffe://td//ns/a/b",
      "spiffe://td/ns/a/..", "spiffe://td/ns/./b", "spiffe://td/ns/a/b?c", "spiffe://td/ns/a/b#c",
      "spiffe://td/ns/a/%62", "spiffe://td/ns/a/b c", " spiffe://td/ns/a/b",
      "spiffe://td/ns/a/b\xC3\xA4");
  CAPTURE(id);
  CHECK_FALSE(IsSpiffeId(id));
  CHECK_FALSE(ParseAppIdentity(id).has_value());
}

TEST_CASE("ids have the standard's longest lengths") {
  const std::string head = "spiffe://td/ns/a/";
  CHECK(IsSpiffeId(head + std::string(2048 - head.size(), 'b')));
  CHECK_FALSE(IsSpiffeId(head + std::string(2049 - head.size(), 'b')));
  CHECK(IsSpiffeId("spiffe://" + std::string(255, 't') + "/a"));
  CHECK_FALSE(IsSpiffeId("spiffe://" + std::string(256, 't') + "/a"));
}

TEST_CASE("a zero byte ends nothing") {
  CHECK_FALSE(IsSpiffeId(std::string("spiffe://td/ns/a/b\0c", 20)));
}

}  // namespace
}  // namespace belfry::server
