#include "scheduler/loop/mailbox.h"

#include <catch2/catch.hpp>

namespace belfry {
namespace {

TEST_CASE("a few answers are not urgent, a request beside them is") {
  Mailbox mailbox{Limits()};
  mailbox.SubmitAnswer({1, 1, Outcome::kSuccess});
  REQUIRE_FALSE(mailbox.empty());
  REQUIRE_FALSE(mailbox.urgent());

  Event request = DeletePrefixEvent{};
  REQUIRE(mailbox.Submit(request, 1) == Mailbox::Result::kAccepted);
  REQUIRE(mailbox.urgent());
  REQUIRE(mailbox.Take().size() == 2);
  REQUIRE_FALSE(mailbox.urgent());
}

TEST_CASE("what readers and streams send is urgent") {
  Mailbox mailbox{Limits()};
  mailbox.SubmitReserved(RemoveWatcherEvent{1});
  REQUIRE(mailbox.urgent());
}

TEST_CASE("many answers are urgent") {
  Mailbox mailbox{Limits()};
  for (size_t i = 1; i < kPacedAnswers; ++i) mailbox.SubmitAnswer({1, i, Outcome::kSuccess});
  REQUIRE_FALSE(mailbox.urgent());
  mailbox.SubmitAnswer({1, kPacedAnswers, Outcome::kSuccess});
  REQUIRE(mailbox.urgent());
}

TEST_CASE("what a turn leaves behind is urgent") {
  Mailbox mailbox{Limits()};
  for (size_t i = 0; i <= kMaxEventsPerTurn; ++i) mailbox.SubmitAnswer({1, i, Outcome::kSuccess});
  REQUIRE(mailbox.Take().size() == kMaxEventsPerTurn);
  REQUIRE(mailbox.urgent());
  REQUIRE(mailbox.Take().size() == 1);
  REQUIRE_FALSE(mailbox.urgent());
}

}  // namespace
}  // namespace belfry
