// The engine alone, where the order of events matters that threads would bring about.

#include "scheduler/engine/engine.h"

#include <catch2/catch.hpp>

#include "scheduler/job/key_codec.h"
#include "scheduler/loop/job_reader.h"
#include "tests/support/manual_scheduler.h"

namespace belfry {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1700000000);
const TargetKey kTarget{TargetKind::kApp, "ns", "app"};

// One turn at a time, with the readers' work left to the test.
class Turns {
 public:
  Turns() { REQUIRE(engine.Recover(absl::UnixEpoch()).ok()); }

  Effects Step(std::vector<Event> events) {
    for (Event& event : events) engine.Step(std::move(event), kNow);
    engine.RunDue(kNow, absl::ZeroDuration());
    REQUIRE(store.Write(engine.batch()).ok());
    Effects effects = engine.Release(kNow);
    engine.CheckInvariants();
    return effects;
  }

  ScheduleEvent Schedule(const std::string& name, absl::Time due) {
    dapr::proto::scheduler::v1::JobMetadata metadata;
    metadata.set_namespace_("ns");
    metadata.set_app_id("app");
    metadata.mutable_target()->mutable_job();
    JobSpec spec;
    spec.begin = due;
    spec.begins_at_due_time = true;
    dapr::proto::scheduler::v1::Job job;
    job.set_due_time("given");
    ScheduleEvent event;
    event.key = {kTarget, "", name};
    event.job_key = EncodeJobKey(event.key);
    event.record = MakeJobRecord(name, metadata, job, spec).SerializeAsString();
    event.spec = spec;
    event.reply = [](absl::Status status) { REQUIRE(status.ok()); };
    return event;
  }

  DeleteEvent Delete(const std::string& name) {
    DeleteEvent event;
    event.key = {kTarget, "", name};
    event.job_key = EncodeJobKey(event.key);
    event.reply = [](absl::Status) {};
    return event;
  }

  LoadEvent Load(const LoadRequest& request) {
    const std::string key = EncodeId(request.job_id);
    LoadEvent event;
    event.jobs.push_back(LoadJob(request.job_id, store.Get(Table::kJobs, key).value(),
                                 store.Get(Table::kCounters, key).value()));
    event.jobs.back().load_id = request.load_id;
    return event;
  }

  MemoryStore store;
  Engine engine{&store};
};

// A scan that was under way when a job was deleted brings the job's entry back; what an earlier
// load of that job had read must not be taken for the answer to the new one.
TEST_CASE("a job that was deleted while it was loaded is not sent when a late scan names it") {
  Turns turns;
  // The group's index begins well before the job: the scan has to pass it.
  std::vector<Event> events;
  events.push_back(turns.Schedule("early", kNow - absl::Hours(1)));
  events.push_back(turns.Delete("early"));
  turns.Step(std::move(events));

  events.clear();
  auto watcher = std::make_shared<RecordingWatcher>();
  events.push_back(AddWatcherEvent{1, watcher, {kTarget}});
  const Effects watched = turns.Step(std::move(events));
  REQUIRE(watched.scans.size() == 1);

  events.clear();
  events.push_back(turns.Schedule("job", kNow));
  const Effects due = turns.Step(std::move(events));
  REQUIRE(due.loads.size() == 1);
  ScanResult late_scan = ScanIndex(turns.store, watched.scans[0]).value();
  LoadEvent late_load = turns.Load(due.loads[0]);

  events.clear();
  events.push_back(turns.Delete("job"));
  events.push_back(std::move(late_scan));
  const Effects again = turns.Step(std::move(events));
  REQUIRE(again.loads.size() == 1);

  events.clear();
  events.push_back(std::move(late_load));
  REQUIRE(turns.Step(std::move(events)).sends.empty());
  events.clear();
  events.push_back(turns.Load(again.loads[0]));
  REQUIRE(turns.Step(std::move(events)).sends.empty());
}

}  // namespace
}  // namespace belfry
