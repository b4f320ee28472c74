#include "scheduler/job/job_key.h"

#include <catch2/catch.hpp>

#include "scheduler/job/key_codec.h"

namespace belfry {
namespace {

dapr::proto::scheduler::v1::JobMetadata App(const std::string& ns, const std::string& app) {
  dapr::proto::scheduler::v1::JobMetadata metadata;
  metadata.set_namespace_(ns);
  metadata.set_app_id(app);
  metadata.mutable_target()->mutable_job();
  return metadata;
}

dapr::proto::scheduler::v1::JobMetadata Actor(const std::string& type, const std::string& id) {
  auto metadata = App("ns", "app");
  metadata.mutable_target()->mutable_actor()->set_type(type);
  metadata.mutable_target()->mutable_actor()->set_id(id);
  return metadata;
}

std::string Key(const dapr::proto::scheduler::v1::JobMetadata& metadata, const std::string& name) {
  return EncodeJobKey(ParseJobKey(metadata, name).value());
}

TEST_CASE("a part with a separator in it is not mistaken for two parts") {
  REQUIRE(Key(App("a||b", "c"), "d") != Key(App("a", "b||c"), "d"));
  REQUIRE(Key(App("ns", "a||b"), "c") != Key(App("ns", "a"), "b||c"));
}

TEST_CASE("the prefix of an app reaches no other app or namespace") {
  const std::string prefix = ListPrefix(App("test", "app")).value();
  REQUIRE(Key(App("test", "app"), "x").starts_with(prefix));
  REQUIRE_FALSE(Key(App("test", "app2"), "x").starts_with(prefix));
  REQUIRE_FALSE(Key(App("test-1", "app"), "x").starts_with(prefix));
  // The same holds for a delete that asks for id prefixes: an app id is matched whole.
  REQUIRE(MetadataPrefix(App("test", "app"), true).value() == prefix);
}

TEST_CASE("an actor prefix covers one actor, all of a type, or open ids and types") {
  const std::string one = ListPrefix(Actor("type", "a")).value();
  REQUIRE(Key(Actor("type", "a"), "x").starts_with(one));
  REQUIRE_FALSE(Key(Actor("type", "a||b"), "x").starts_with(one));
  REQUIRE(Key(Actor("type", "ab"), "x").starts_with(ListPrefix(Actor("type", "")).value()));
  const std::string open = MetadataPrefix(Actor("type", "a"), true).value();
  REQUIRE(Key(Actor("type", "ab"), "x").starts_with(open));
  REQUIRE_FALSE(Key(Actor("type2", "ab"), "x").starts_with(open));
  const std::string types = MetadataPrefix(Actor("type", ""), true).value();
  REQUIRE(Key(Actor("type2", "ab"), "x").starts_with(types));
}

TEST_CASE("a name prefix is open at its end only") {
  const std::string prefix = NamePrefix(App("ns", "app"), "job-").value();
  REQUIRE(Key(App("ns", "app"), "job-1").starts_with(prefix));
  REQUIRE_FALSE(Key(App("ns", "app"), "jo").starts_with(prefix));
  REQUIRE(NamePrefix(App("ns", "app"), ".").ok());
  REQUIRE(NamePrefix(App("ns", "app"), "..").ok());
  REQUIRE(NamePrefix(App("ns", "app"), "").ok());
  REQUIRE(NamePrefix(App("ns", "app"), "a/").status().message() ==
          "name prefix \"a/\" contains the forbidden character /");
  // With an actor type and no id, it matches ids.
  REQUIRE(Key(Actor("type", "id7"), "x").starts_with(NamePrefix(Actor("type", ""), "id").value()));
}

TEST_CASE("keys keep the order of names") {
  REQUIRE(Key(App("ns", "app"), "a") < Key(App("ns", "app"), "a "));
  REQUIRE(Key(App("ns", "app"), "a") < Key(App("ns", "app"), "ab"));
  REQUIRE(Key(App("ns", "app"), "ab") < Key(App("ns", "app"), "b"));
}

TEST_CASE("what is missing or wrong in a request is named") {
  REQUIRE(ParseTarget(App("", "app")).status().message() ==
          "missing namespace or appID in request");
  REQUIRE(ParseTarget(App("ns", "")).status().message() == "missing namespace or appID in request");
  auto no_target = App("ns", "app");
  no_target.clear_target();
  REQUIRE(std::string(ParseTarget(no_target).status().message()).find("unknown job type") !=
          std::string::npos);
  for (const char* name : {"", "a/b", "a\\b", "a#b", "a?b", ".", "..", "a\nb", "\xff"}) {
    CAPTURE(name);
    REQUIRE(absl::IsInvalidArgument(ParseJobKey(App("ns", "app"), name).status()));
  }
  REQUIRE(ParseJobKey(App("ns", "app"), std::string(512, 'a')).ok());
  REQUIRE_FALSE(ParseJobKey(App("ns", "app"), std::string(513, 'a')).ok());
  REQUIRE(ParseJobKey(Actor("type", ""), "reminder").ok());
  REQUIRE(absl::IsInvalidArgument(ParseJobKey(Actor("type", "a/b"), "x").status()));
}

TEST_CASE("display names are those of the wire") {
  REQUIRE(DisplayName(ParseJobKey(App("ns", "app"), "x").value()) == "app||ns||app||x");
  REQUIRE(DisplayName(ParseJobKey(Actor("type", "1"), "x").value()) ==
          "actorreminder||ns||type||1||x");
}

TEST_CASE("index keys keep the order of positions and come back whole") {
  const Position positions[] = {
      {absl::FromUnixSeconds(-62135596800), 1},  // the year 1
      {absl::FromUnixSeconds(-1) + absl::Nanoseconds(999999999), 7},
      {absl::UnixEpoch(), 0},
      {absl::UnixEpoch(), 1},
      {absl::UnixEpoch() + absl::Nanoseconds(1), 0},
      {absl::FromUnixSeconds(253402300799) + absl::Nanoseconds(999999999), 5},  // end of 9999
  };
  for (const Position& position : positions) {
    REQUIRE(DecodeDue(EncodeDue(9, position)) == position);
  }
  for (size_t i = 1; i < std::size(positions); ++i) {
    REQUIRE(EncodeDue(9, positions[i - 1]) < EncodeDue(9, positions[i]));
  }
  REQUIRE(EncodeDue(9, FirstPosition()) < EncodeDue(9, positions[0]));
  REQUIRE(EncodeDue(9, LastPosition()) > EncodeDue(9, positions[5]));
  REQUIRE_FALSE(DecodeDue("short").has_value());
}

TEST_CASE("escaped parts come back whole, whatever they hold") {
  for (const std::string& part : {std::string(), std::string("a\0b", 3), std::string("\0\xff", 2),
                                  std::string("\0\x01", 2), std::string("plain")}) {
    std::string key;
    AppendClosedPart(&key, part);
    key += "rest";
    std::string_view view(key);
    REQUIRE(TakePart(&view) == part);
    REQUIRE(view == "rest");
  }
  std::string_view malformed("abc");
  REQUIRE_FALSE(TakePart(&malformed).has_value());
}

}  // namespace
}  // namespace belfry
