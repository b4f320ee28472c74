#include "tests/bench/job_maker.h"

#include <catch2/catch.hpp>

namespace belfry::bench {
namespace {

namespace pb = dapr::proto::scheduler::v1;

TEST_CASE("JobMaker: a name tells the job's number and due time") {
  Options options;
  options.name_bytes = 40;
  const JobMaker maker(options, "app");
  const JobTag tag{12345, 1'767'225'600'123'456};
  const std::string name = maker.Name(tag);
  CHECK(name.size() == 40);
  const auto parsed = maker.Parse(name);
  REQUIRE(parsed.has_value());
  CHECK(parsed->number == tag.number);
  CHECK(parsed->due_us == tag.due_us);
}

TEST_CASE("JobMaker: names of other runs and other names are told apart") {
  const Options options;
  const JobMaker one(options, "app");
  const JobMaker other(options, "app");
  CHECK_FALSE(one.Parse(other.Name({1, 2})).has_value());
  CHECK_FALSE(one.Parse("").has_value());
  std::string broken = one.Name({1, 2});
  broken[12] = 'x';
  CHECK_FALSE(one.Parse(broken).has_value());
}

TEST_CASE("JobMaker: a request holds what was asked for") {
  Options options;
  options.payload = 200;
  options.namespace_ = "here";
  const JobMaker maker(options, "app");
  pb::ScheduleJobRequest request;
  maker.Prepare(&request);
  maker.FillRecurring({7, 1'767'225'600'000'001}, 1'500'000, &request);
  CHECK(request.metadata().app_id() == "app");
  CHECK(request.metadata().namespace_() == "here");
  CHECK(request.metadata().target().has_job());
  CHECK(request.job().due_time() == "2026-01-01T00:00:00.000001Z");
  CHECK(request.job().schedule() == "@every 1500000us");
  CHECK(request.job().data().value().size() == 200);

  pb::ScheduleJobRequest once;
  maker.Prepare(&once);
  maker.Fill({8, 0}, &once);
  CHECK(once.job().due_time() == "0s");
  CHECK_FALSE(once.job().has_schedule());
}

}  // namespace
}  // namespace belfry::bench
