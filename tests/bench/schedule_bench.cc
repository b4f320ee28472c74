// What parsing a schedule and finding its next tick cost.
//   build/release/bin/belfry_schedule_bench [--benchmark_filter=Next]

#include <benchmark/benchmark.h>

#include <string>

#include "scheduler/base/check.h"
#include "scheduler/schedule/schedule.h"

namespace belfry {
namespace {

// Each call continues from the last tick, as the scheduler does; the end of the century starts
// over.
void Next(benchmark::State& state, const std::string& text) {
  const auto schedule = Schedule::Parse(text);
  CHECK(schedule.ok()) << text;
  const absl::Time begin = absl::FromUnixSeconds(1'735'689'600);  // 2025-01-01
  const absl::Time end = absl::FromUnixSeconds(4'102'444'800);    // 2100-01-01
  absl::Time tick = begin;
  for (auto _ : state) {
    const auto next = schedule->Next(tick);
    benchmark::DoNotOptimize(next);
    tick = next && *next < end ? *next : begin;
  }
}

void Parse(benchmark::State& state, const std::string& text) {
  for (auto _ : state) {
    auto schedule = Schedule::Parse(text);
    benchmark::DoNotOptimize(schedule);
  }
}

#define BELFRY_SCHEDULE_BENCH(name, text) \
  BENCHMARK_CAPTURE(Next, name, text);    \
  BENCHMARK_CAPTURE(Parse, name, text)

BELFRY_SCHEDULE_BENCH(every_interval, "@every 1m30s");
BELFRY_SCHEDULE_BENCH(every_second, "* * * * * *");
BELFRY_SCHEDULE_BENCH(every_minute, "0 * * * * *");
BELFRY_SCHEDULE_BENCH(every_5_minutes, "0 */5 * * * *");
BELFRY_SCHEDULE_BENCH(hourly, "@hourly");
BELFRY_SCHEDULE_BENCH(daily, "@daily");
BELFRY_SCHEDULE_BENCH(working_hours, "0 0,30 9-17 * * MON-FRI");
BELFRY_SCHEDULE_BENCH(weekly, "@weekly");
BELFRY_SCHEDULE_BENCH(monthly, "@monthly");
BELFRY_SCHEDULE_BENCH(yearly, "@yearly");
BELFRY_SCHEDULE_BENCH(zone_every_minute, "TZ=Europe/Berlin 0 * * * * *");
BELFRY_SCHEDULE_BENCH(zone_daily, "TZ=Europe/Berlin 0 30 7 * * *");
BELFRY_SCHEDULE_BENCH(zone_working_hours, "TZ=America/New_York 0 0,30 9-17 * * MON-FRI");
BELFRY_SCHEDULE_BENCH(zone_monthly, "TZ=America/New_York 0 0 0 1 * *");
BELFRY_SCHEDULE_BENCH(zone_yearly, "TZ=Africa/Casablanca 0 0 0 1 1 *");
// Not usual: the longest search.
BELFRY_SCHEDULE_BENCH(zone_leap_day, "TZ=Africa/Casablanca 0 0 0 29 2 *");

}  // namespace
}  // namespace belfry

BENCHMARK_MAIN();
