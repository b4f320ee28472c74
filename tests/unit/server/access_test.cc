#include "server/access.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

namespace belfry::server {
namespace {

const std::string kAlice = "spiffe://example.org/ops/alice";

Caller With(const std::string& uri) { return {{uri}, false}; }

void CheckRefused(const absl::Status& status, absl::StatusCode code, const std::string& message) {
  CHECK(status.code() == code);
  CHECK(std::string(status.message()) == message);
}

TEST_CASE("without mutual TLS everybody may work with the jobs of every app") {
  const Access access;
  CHECK(access.CheckApp({}, "ns", "app").ok());
  CHECK(access.CheckApp(With("spiffe://td/ns/other/one"), "ns", "app").ok());
}

TEST_CASE("a request must name namespace and app, whoever makes it") {
  const Access access = GENERATE(Access(), Access::MutualTls({}), Access::MutualTls({kAlice}));
  const Caller caller = GENERATE(Caller{}, With("spiffe://td/ns/ns/app"), With(kAlice));
  const std::string message = "missing namespace or appID in request";
  const auto code = absl::StatusCode::kInvalidArgument;
  CheckRefused(access.CheckApp(caller, "", "app"), code, message);
  CheckRefused(access.CheckApp(caller, "ns", ""), code, message);
  CheckRefused(access.CheckApp(caller, "", ""), code, message);
}

TEST_CASE("with mutual TLS an app may work with its own jobs, from any trust domain") {
  const Access access = Access::MutualTls({});
  CHECK(access.CheckApp(With("spiffe://td/ns/ns/app"), "ns", "app").ok());
  CHECK(access.CheckApp(With("spiffe://another/ns/ns/app"), "ns", "app").ok());
  CHECK(access.CheckApp(With("spiffe://td/ns/ns/app/more"), "ns", "app").ok());
}

TEST_CASE("an app that another one's name begins with is another app") {
  const Access access = Access::MutualTls({});
  const Caller app = With("spiffe://td/ns/test/app");
  const std::string message = "identity does not match request";
  const auto code = absl::StatusCode::kPermissionDenied;
  CheckRefused(access.CheckApp(app, "test", "app2"), code, message);
  CheckRefused(access.CheckApp(app, "test", "ap"), code, message);
  CheckRefused(access.CheckApp(app, "test-1", "app"), code, message);
  CheckRefused(access.CheckApp(app, "tes", "app"), code, message);
  CheckRefused(access.CheckApp(app, "app", "test"), code, message);
  CheckRefused(access.CheckApp(app, "TEST", "app"), code, message);
}

TEST_CASE("a certificate that does not name one app is nobody's") {
  const Access access = Access::MutualTls({});
  const std::string id = "spiffe://td/ns/ns/app";
  const Caller caller =
      GENERATE_COPY(Caller{}, With(""), With("https://td/ns/ns/app"), With("spiffe://td/app"),
                    With("spiffe://td/ns/ns"), Caller{{id, id}, false},
                    Caller{{id, "https://example.org"}, false}, Caller{{}, true});
  CheckRefused(access.CheckApp(caller, "ns", "app"), absl::StatusCode::kUnauthenticated,
               "failed to get identity from context");
}

TEST_CASE("an admin may work with the jobs of every app of every namespace") {
  const Access access = Access::MutualTls({"spiffe://td/ns/ops/admin", kAlice});
  for (const std::string& id : {std::string("spiffe://td/ns/ops/admin"), kAlice}) {
    CHECK(access.CheckApp(With(id), "ns", "app").ok());
    CHECK(access.RequireAdmin(With(id)).ok());
  }
}

TEST_CASE("an admin is the whole id, of that trust domain and nothing behind it") {
  const Access access = Access::MutualTls({"spiffe://td/ns/ops/admin"});
  const std::string id = GENERATE(as<std::string>(), "spiffe://another/ns/ops/admin",
                                  "spiffe://td/ns/ops/admin/x", "spiffe://td/ns/ops/admin2");
  CAPTURE(id);
  CHECK(absl::IsPermissionDenied(access.CheckApp(With(id), "ns", "app")));
  CHECK(absl::IsPermissionDenied(access.RequireAdmin(With(id))));
  const Caller two{{"spiffe://td/ns/ops/admin", "spiffe://td/ns/ops/admin"}, false};
  CHECK(absl::IsUnauthenticated(access.RequireAdmin(two)));
}

TEST_CASE("with mutual TLS only listed identities administer, on a Unix socket as well") {
  const Access access = Access::MutualTls({kAlice});
  CHECK(absl::IsPermissionDenied(access.RequireAdmin(With("spiffe://td/ns/ns/app"))));
  CHECK(absl::IsUnauthenticated(access.RequireAdmin(With("https://example.org"))));
  CHECK(absl::IsUnauthenticated(access.RequireAdmin(Caller{})));
  CHECK(absl::IsUnauthenticated(access.RequireAdmin(Caller{{}, true})));
  CHECK(absl::IsPermissionDenied(Access::MutualTls({}).RequireAdmin(With(kAlice))));
}

TEST_CASE("without mutual TLS only clients of a Unix socket administer") {
  const Access access;
  CHECK(access.RequireAdmin(Caller{{}, true}).ok());
  CHECK(absl::IsPermissionDenied(access.RequireAdmin(Caller{})));
  CHECK(absl::IsPermissionDenied(access.RequireAdmin(With(kAlice))));
}

TEST_CASE("identities are read from a list") {
  const auto ids = ParseIdentities(" spiffe://td/a ,spiffe://td/ns/b/c");
  REQUIRE(ids.ok());
  CHECK(*ids == std::vector<std::string>{"spiffe://td/a", "spiffe://td/ns/b/c"});
  CHECK(ParseIdentities("")->empty());
  CHECK(ParseIdentities("  ")->empty());
}

TEST_CASE("a list with anything else is refused with what it is") {
  const std::string list = GENERATE(as<std::string>(), "alice", "spiffe://td/a,", ",spiffe://td/a",
                                    "spiffe://td/a,,spiffe://td/b", "spiffe://td/a;spiffe://td/b",
                                    "spiffe://td/*", "spiffe://td");
  CAPTURE(list);
  const auto ids = ParseIdentities(list);
  CHECK(absl::IsInvalidArgument(ids.status()));
  CHECK_THAT(std::string(ids.status().message()), Catch::Contains("not a SPIFFE id"));
}

}  // namespace
}  // namespace belfry::server
