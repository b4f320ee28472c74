// The gRPC connection against schedulers in this process.

#include <catch2/catch.hpp>
#include <chrono>
#include <future>
#include <thread>

#include "belfry/client.h"
#include "tests/unit/client/fake_scheduler.h"

namespace belfry {
namespace {

namespace wire = dapr::proto::scheduler::v1;
using Clock = std::chrono::steady_clock;

// Nobody listens there.
const char kNobody[] = "127.0.0.1:1";

TEST_CASE("Codes and messages arrive as the scheduler sent them") {
  FakeScheduler scheduler;
  const auto connection = MakeGrpcConnection({scheduler.address()});
  CHECK(connection->ScheduleJob({}, absl::Seconds(10)).ok());
  scheduler.SetAnswer({grpc::StatusCode::ALREADY_EXISTS, "taken"});
  const absl::Status status = connection->ScheduleJob({}, absl::Seconds(10));
  CHECK(status.code() == absl::StatusCode::kAlreadyExists);
  CHECK(std::string(status.message()) == "taken");
  const auto jobs = connection->ListJobs({}, absl::Seconds(10));
  CHECK(jobs.status().code() == absl::StatusCode::kAlreadyExists);
}

TEST_CASE("A call can be started once a scheduler can be reached, and its end is told") {
  FakeScheduler scheduler;
  const auto connection = MakeGrpcConnection({scheduler.address()});
  std::promise<absl::Status> told;
  const auto start = [&](absl::Duration timeout) {
    told = {};
    return connection->StartScheduleJob(
        {}, timeout, [&told](absl::Status status) { told.set_value(std::move(status)); });
  };
  CHECK_FALSE(start(absl::Seconds(10)));  // nobody has connected yet
  CHECK(scheduler.unary_calls() == 0);
  REQUIRE(connection->ScheduleJob({}, absl::Seconds(10)).ok());

  REQUIRE(start(absl::Seconds(10)));
  CHECK(told.get_future().get().ok());
  scheduler.SetAnswer({grpc::StatusCode::ALREADY_EXISTS, "taken"});
  REQUIRE(start(absl::Seconds(10)));
  CHECK(told.get_future().get() == absl::AlreadyExistsError("taken"));
  CHECK(scheduler.unary_calls() == 3);
  REQUIRE(start(-absl::Seconds(1)));
  CHECK(absl::IsDeadlineExceeded(told.get_future().get()));
}

TEST_CASE("A call cannot be started while nobody is there") {
  for (const auto& connection : {MakeGrpcConnection({}), MakeGrpcConnection({kNobody})}) {
    CHECK_FALSE(connection->StartScheduleJob({}, absl::Seconds(10),
                                             [](const absl::Status&) { FAIL("a call was made"); }));
  }
}

TEST_CASE("Calls go to the schedulers in turn") {
  FakeScheduler first;
  FakeScheduler second;
  const auto connection = MakeGrpcConnection({first.address(), second.address()});
  for (int i = 0; i < 10; ++i) REQUIRE(connection->ScheduleJob({}, absl::Seconds(10)).ok());
  CHECK(first.unary_calls() == 5);
  CHECK(second.unary_calls() == 5);
}

TEST_CASE("A scheduler known to be down is passed over") {
  FakeScheduler up;
  const auto connection = MakeGrpcConnection({kNobody, up.address()});
  // Each call either finds the down one and fails, or succeeds; once it is known to be down, all
  // succeed.
  up.WaitUntil([&] {
    return connection->ListJobs({}, absl::Seconds(10)).ok() &&
           connection->ListJobs({}, absl::Seconds(10)).ok();
  });
  for (int i = 0; i < 6; ++i) CHECK(connection->ScheduleJob({}, absl::Seconds(10)).ok());
}

TEST_CASE("While nobody is there, schedule waits for its timeout and list fails at once") {
  const auto connection = MakeGrpcConnection({kNobody});
  auto start = Clock::now();
  CHECK(connection->ScheduleJob({}, absl::Milliseconds(500)).code() ==
        absl::StatusCode::kDeadlineExceeded);
  CHECK(Clock::now() - start >= std::chrono::milliseconds(490));
  start = Clock::now();
  CHECK(connection->ListJobs({}, absl::Seconds(30)).status().code() ==
        absl::StatusCode::kUnavailable);
  CHECK(Clock::now() - start < std::chrono::seconds(5));
}

TEST_CASE("A schedule call waits for a scheduler that comes up") {
  auto probe = std::make_unique<FakeScheduler>();
  FakeSchedulerOptions options;
  options.port = probe->port();
  const auto connection = MakeGrpcConnection({probe->address()});
  probe.reset();
  std::unique_ptr<FakeScheduler> scheduler;
  std::thread starter([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(700));
    scheduler = std::make_unique<FakeScheduler>(options);
  });
  const auto start = Clock::now();
  CHECK(connection->ScheduleJob({}, absl::Seconds(20)).ok());
  CHECK(Clock::now() - start < std::chrono::seconds(8));
  starter.join();
}

TEST_CASE("Without addresses calls wait for some, or fail if they do not wait") {
  FakeScheduler scheduler;
  const auto connection = MakeGrpcConnection({});
  CHECK(connection->addresses().empty());
  CHECK(connection->ScheduleJob({}, absl::Milliseconds(50)).code() ==
        absl::StatusCode::kDeadlineExceeded);
  CHECK(connection->DeleteByNamePrefix({}, absl::Seconds(30)).code() ==
        absl::StatusCode::kUnavailable);
  std::thread teller([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    connection->SetAddresses({scheduler.address(), scheduler.address()});
  });
  CHECK(connection->ScheduleJob({}, absl::Seconds(20)).ok());
  teller.join();
  CHECK(connection->addresses() == std::vector<std::string>{scheduler.address()});
}

TEST_CASE("A client moves to the next scheduler when one is shutting down") {
  FakeScheduler closing;
  FakeScheduler up;
  closing.SetAnswer({grpc::StatusCode::CANCELLED, "closing"});
  ClientOptions options;
  options.addresses = {closing.address(), up.address()};
  options.app_id = "shop";
  Client client(options);
  for (int i = 0; i < 4; ++i) CHECK(client.Schedule("tidy", wire::Job()).ok());
  CHECK(up.unary_calls() == 4);
}

}  // namespace
}  // namespace belfry
