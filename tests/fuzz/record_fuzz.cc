// Any bytes as stored records: read or refused, and what is read can be computed with. Input: a
// byte that says which record, and the record.

#include <string>

#include "scheduler/job/job_key.h"
#include "scheduler/job/key_codec.h"
#include "scheduler/store/record_codec.h"
#include "tests/fuzz/checks.h"

namespace belfry {
namespace {

// Ticks of one job that are computed.
constexpr int kTicksMax = 8;

void CheckDamage(const absl::Status& status) {
  CHECK(absl::IsDataLoss(status)) << status.ToString();
  CHECK(!status.message().empty());
}

void CheckPosition(absl::Time time) {
  const auto position = DecodeDue(EncodeDue(1, {time, 2}));
  CHECK(position.has_value() && position->time == time && position->id == 2);
}

void CheckName(std::string_view bytes) {
  const auto name = DecodeName(bytes);
  if (!name.ok()) return CheckDamage(name.status());
  CheckPosition(name->first_due);
  const auto again = DecodeName(EncodeName(*name));
  CHECK(again.ok() && again->job_id == name->job_id && again->first_due == name->first_due &&
        again->group_id == name->group_id);
}

void CheckCounter(std::string_view bytes) {
  const auto counter = DecodeCounter(bytes);
  if (!counter.ok()) return CheckDamage(counter.status());
  CheckPosition(counter->tick);
  const auto again = DecodeCounter(EncodeCounter(*counter));
  CHECK(again.ok() && again->tick == counter->tick && again->due == counter->due);
  CHECK(again->progress.count == counter->progress.count);
  CHECK(again->progress.last_trigger == counter->progress.last_trigger);
}

void CheckJob(std::string_view bytes) {
  const auto record = DecodeJob(bytes);
  if (!record.ok()) return CheckDamage(record.status());
  const std::string key = EncodeJobKey(JobKeyOf(record->metadata(), record->name()));
  CHECK(TargetPart(key).has_value());
  const auto spec = RestoreSpec(*record);
  if (!spec.ok()) return CheckDamage(spec.status());
  Progress progress;
  for (int i = 0; i < kTicksMax; ++i) {
    const auto tick = NextTick(*spec, progress);
    if (!tick.has_value()) return;
    CheckPosition(*tick);
    // "@every 0s" may have all its ticks at one moment; none goes back.
    CHECK(!progress.last_trigger.has_value() || *tick >= *progress.last_trigger);
    progress.last_trigger = *tick;
    ++progress.count;
  }
}

void Run(std::string_view input) {
  if (input.empty()) return;
  const std::string_view bytes = input.substr(1);
  switch (static_cast<unsigned char>(input[0]) % 3) {
    case 0:
      return CheckName(bytes);
    case 1:
      return CheckCounter(bytes);
    default:
      return CheckJob(bytes);
  }
}

}  // namespace
}  // namespace belfry

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (data != nullptr) belfry::Run({reinterpret_cast<const char*>(data), size});
  return 0;
}
