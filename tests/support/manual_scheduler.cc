#include "tests/support/manual_scheduler.h"

#include "scheduler/base/check.h"
#include "tests/support/decode_list.h"

namespace belfry {
namespace {

absl::Time ParseTime(const char* text) {
  absl::Time time;
  std::string error;
  CHECK(absl::ParseTime(absl::RFC3339_full, text, &time, &error)) << error;
  return time;
}

// More turns than any test needs: a loop that never comes to rest is a failure.
constexpr int kMaxTurns = 200000;

}  // namespace

ManualScheduler::ManualScheduler(const char* start, const Limits& with)
    : limits(with), clock(ParseTime(start)) {
  Open();
}

ManualScheduler::ManualScheduler(const Limits& with)
    : ManualScheduler("2024-04-24T11:00:00.25Z", with) {}

void ManualScheduler::Open() {
  LoopOptions options;
  options.limits = limits;
  options.on_fatal = [this](const absl::Status& status) { fatal = status; };
  options.on_unreceived = [this](TargetKind, size_t count) { unreceived += count; };
  options.on_quarantine = [this](size_t count) { quarantined_count += count; };
  options.on_clock_step = [this](absl::Duration by) { clock_steps.push_back(by); };
  auto opened = SchedulerLoop::Open(&store, &clock, options);
  CHECK(opened.ok()) << opened.status().ToString();
  loop = *std::move(opened);
  RunUntilIdle();
}

dapr::proto::scheduler::v1::JobMetadata ManualScheduler::Metadata() const {
  dapr::proto::scheduler::v1::JobMetadata metadata;
  metadata.set_app_id(app);
  metadata.set_namespace_(ns);
  if (actor_type.empty()) {
    metadata.mutable_target()->mutable_job();
  } else {
    metadata.mutable_target()->mutable_actor()->set_type(actor_type);
    metadata.mutable_target()->mutable_actor()->set_id("1");
  }
  return metadata;
}

TargetKey ManualScheduler::Target() const { return ParseTarget(Metadata()).value(); }

std::shared_ptr<std::optional<absl::Status>> ManualScheduler::Submit(const std::string& name,
                                                                     const JobText& text,
                                                                     bool overwrite) {
  auto answer = std::make_shared<std::optional<absl::Status>>();
  dapr::proto::scheduler::v1::Job job;
  if (text.schedule) job.set_schedule(*text.schedule);
  if (text.due_time) job.set_due_time(*text.due_time);
  if (text.ttl) job.set_ttl(*text.ttl);
  if (text.repeats) job.set_repeats(*text.repeats);
  if (!text.data.empty()) job.mutable_data()->set_value(text.data);
  if (text.policy) text.policy(job.mutable_failure_policy());
  FillDefaultFailurePolicy(&job);
  auto spec = ParseJob(job, clock.Now());
  if (!spec.ok()) {
    *answer = spec.status();
    return answer;
  }
  auto metadata = Metadata();
  if (!text.concurrency_key.empty()) metadata.set_concurrency_key(text.concurrency_key);
  auto key = ParseJobKey(metadata, name);
  if (!key.ok()) {
    *answer = key.status();
    return answer;
  }
  loop->Schedule(*std::move(key), std::move(metadata), std::move(job), *std::move(spec), overwrite,
                 [answer](absl::Status status) { *answer = std::move(status); });
  return answer;
}

absl::Status ManualScheduler::Schedule(const std::string& name, const JobText& job,
                                       bool overwrite) {
  const auto answer = Submit(name, job, overwrite);
  RunUntilIdle();
  CHECK(answer->has_value()) << "no answer";
  return **answer;
}

absl::Status ManualScheduler::Delete(const std::string& name) {
  std::optional<absl::Status> answer;
  loop->Delete(JobKeyOf(Metadata(), name), [&](absl::Status status) { answer = status; });
  RunUntilIdle();
  CHECK(answer.has_value()) << "no answer";
  return *answer;
}

absl::Status ManualScheduler::DeletePrefix(const std::string& name_prefix) {
  auto prefix = NamePrefix(Metadata(), name_prefix);
  if (!prefix.ok()) return prefix.status();
  std::optional<absl::Status> answer;
  loop->DeletePrefix(*prefix, [&](absl::Status status) { answer = status; });
  RunUntilIdle();
  CHECK(answer.has_value()) << "no answer";
  return *answer;
}

absl::StatusOr<storage::v1::JobRecord> ManualScheduler::Get(const std::string& name) {
  std::optional<absl::StatusOr<storage::v1::JobRecord>> answer;
  loop->Get(JobKeyOf(Metadata(), name),
            [&](absl::StatusOr<storage::v1::JobRecord> record) { answer = std::move(record); });
  RunUntilIdle();
  CHECK(answer.has_value()) << "no answer";
  return *std::move(answer);
}

std::vector<std::string> ManualScheduler::List() {
  std::optional<absl::StatusOr<EncodedList>> answer;
  loop->List(ListPrefix(Metadata()).value(), SIZE_MAX,
             [&](absl::StatusOr<EncodedList> jobs) { answer = std::move(jobs); });
  RunUntilIdle();
  CHECK(answer.has_value() && answer->ok()) << "no list";
  std::vector<std::string> names;
  for (const auto& job : DecodeList(**answer)) names.push_back(job.name());
  return names;
}

std::shared_ptr<RecordingWatcher> ManualScheduler::Watch(std::vector<ConcurrencyLimit> declared) {
  auto watcher = std::make_shared<RecordingWatcher>();
  watcher->id = loop->AddWatcher(watcher, {Target()}, std::move(declared));
  RunUntilIdle();
  return watcher;
}

void ManualScheduler::Unwatch(const RecordingWatcher& watcher) {
  loop->RemoveWatcher(watcher.id);
  RunUntilIdle();
}

void ManualScheduler::Answer(const RecordingWatcher& watcher, uint64_t trigger_id,
                             Outcome outcome) {
  loop->Settle(watcher.id, trigger_id, outcome);
  RunUntilIdle();
}

void ManualScheduler::RunWithoutSync() {
  for (int turn = 0; turn < kMaxTurns; ++turn) {
    const bool more = loop->RunOnce() <= absl::ZeroDuration();
    loop->CheckInvariants();
    if (!loop->RunReaders() && !more) return;
  }
  CHECK(false) << "the loop does not come to rest";
}

void ManualScheduler::RunUntilIdle() {
  do {
    RunWithoutSync();
  } while (loop->RunSyncer());
}

void ManualScheduler::Advance(absl::Duration duration) {
  clock.Advance(duration);
  RunUntilIdle();
}

void ManualScheduler::AdvanceTo(absl::Time time) {
  const absl::Duration duration = time - clock.Now();
  CHECK(duration >= absl::ZeroDuration()) << absl::FormatTime(time) << " is past";
  Advance(duration);
}

void ManualScheduler::Kill() {
  End("killed");
  Open();
}

void ManualScheduler::LosePower() {
  End("power lost");
  store.LosePower();
  Open();
}

void ManualScheduler::End(const char* why) {
  // The loop's own way of stopping must neither write nor make durable anything any more.
  store.FailWrites(absl::UnavailableError(why));
  store.FailSyncs(absl::UnavailableError(why));
  loop.reset();
  store.FailWrites(absl::OkStatus());
  store.FailSyncs(absl::OkStatus());
  fatal = absl::OkStatus();
}

}  // namespace belfry
