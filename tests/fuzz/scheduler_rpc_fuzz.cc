// Calls of the Scheduler service from any bytes: they are decoded, checked and carried out as the
// server does, by a real loop over a store in memory. Every call is answered once, refusals are fit
// to be told, what was accepted is there, and the engine's invariants hold after every turn.
//
// Input: calls one after the other, each a part with two bytes of length; its first byte says which
// call, the rest is the request's bytes.

#include <google/protobuf/stubs/logging.h>

#include <string>
#include <vector>

#include "server/watch_handshake.h"
#include "spdlog/spdlog.h"
#include "tests/fuzz/checks.h"
#include "tests/fuzz/fuzz_input.h"
#include "tests/support/decode_list.h"
#include "tests/support/manual_scheduler.h"

namespace belfry {
namespace {

namespace pb = dapr::proto::scheduler::v1;

// More calls tell nothing new and take time.
constexpr int kMaxCalls = 40;
constexpr size_t kMaxWatchers = 4;

Limits SmallLimits() {
  Limits limits;
  limits.max_jobs_per_namespace = 20;
  limits.max_concurrency_keys = 3;
  limits.max_in_flight = 3;
  limits.max_unsent_bytes = 200;
  limits.max_prefix_deletes = 2;
  limits.max_stream_targets = 5;
  limits.max_stream_limits = 3;
  limits.max_ack_time = absl::Hours(1);
  return limits;
}

class Server {
 public:
  void Call(std::string_view call) {
    if (call.empty()) return;
    const auto kind = static_cast<unsigned char>(call.front());
    const std::string bytes(call.substr(1));
    switch (kind % 10) {
      case 0:
        return Schedule(bytes);
      case 1:
        return Get(bytes);
      case 2:
        return Delete(bytes);
      case 3:
        return List(bytes);
      case 4:
        return DeleteByMetadata(bytes);
      case 5:
        return DeleteByNamePrefix(bytes);
      case 6:
        return Watch(bytes);
      case 7:
        return Result(bytes);
      case 8:
        return scheduler_.Advance(absl::Seconds(bytes.size() * bytes.size()));
      default:
        return Restart(bytes);
    }
  }

 private:
  template <typename Request>
  static std::optional<Request> Decode(const std::string& bytes) {
    Request request;
    if (!request.ParseFromString(bytes)) return std::nullopt;
    return request;
  }

  // What a call may be answered with.
  static void CheckAnswer(const absl::Status& status) {
    if (status.ok()) return;
    CHECK(status.code() == absl::StatusCode::kAlreadyExists ||
          status.code() == absl::StatusCode::kNotFound ||
          status.code() == absl::StatusCode::kResourceExhausted)
        << status.ToString();
    CHECK(IsValidUtf8(std::string(status.message()))) << status.ToString();
  }

  // Waits for the answer of a call that was handed to the loop.
  absl::Status Wait(const std::optional<absl::Status>& answer) {
    scheduler_.RunUntilIdle();
    CHECK(answer.has_value()) << "no answer";
    CheckAnswer(*answer);
    return *answer;
  }
  static Reply Once(std::optional<absl::Status>* answer) {
    return [answer](absl::Status status) {
      CHECK(!answer->has_value()) << "a second answer";
      *answer = std::move(status);
    };
  }

  void Schedule(const std::string& bytes) {
    const auto request = Decode<pb::ScheduleJobRequest>(bytes);
    if (!request.has_value()) return;
    auto key = ParseJobKey(request->metadata(), request->name());
    if (!key.ok()) return CheckRefusal(key.status());
    auto spec = ParseJob(request->job(), scheduler_.clock.Now());
    if (!spec.ok()) return CheckRefusal(spec.status());
    const bool never = !NextTick(*spec, Progress{}).has_value();
    pb::Job job = request->job();
    FillDefaultFailurePolicy(&job);
    std::optional<absl::Status> answer;
    scheduler_.loop->Schedule(*key, request->metadata(), job, *spec, request->overwrite(),
                              Once(&answer));
    if (!Wait(answer).ok() || never) return;
    const auto record = Read(*key);
    CHECK(record.ok()) << record.status().ToString();
    CHECK(record->name() == request->name());
    CHECK(record->job().SerializeAsString() == job.SerializeAsString());
    CHECK(record->metadata().SerializeAsString() == request->metadata().SerializeAsString());
  }

  absl::StatusOr<storage::v1::JobRecord> Read(const JobKey& key) {
    std::optional<absl::StatusOr<storage::v1::JobRecord>> answer;
    scheduler_.loop->Get(key, [&](absl::StatusOr<storage::v1::JobRecord> record) {
      CHECK(!answer.has_value()) << "a second answer";
      answer = std::move(record);
    });
    scheduler_.RunUntilIdle();
    CHECK(answer.has_value()) << "no answer";
    CheckAnswer(answer->status());
    return *std::move(answer);
  }

  void Get(const std::string& bytes) {
    const auto request = Decode<pb::GetJobRequest>(bytes);
    if (!request.has_value()) return;
    const auto key = ParseJobKey(request->metadata(), request->name());
    if (!key.ok()) return CheckRefusal(key.status());
    const auto record = Read(*key);
    if (record.ok()) CHECK(record->name() == request->name());
  }

  void Delete(const std::string& bytes) {
    const auto request = Decode<pb::DeleteJobRequest>(bytes);
    if (!request.has_value()) return;
    const auto key = ParseJobKey(request->metadata(), request->name());
    if (!key.ok()) return CheckRefusal(key.status());
    std::optional<absl::Status> answer;
    scheduler_.loop->Delete(*key, Once(&answer));
    CHECK(Wait(answer).ok());
    CHECK(absl::IsNotFound(Read(*key).status()));
  }

  std::vector<pb::NamedJob> ReadAll(const std::string& prefix) {
    std::optional<absl::StatusOr<EncodedList>> answer;
    scheduler_.loop->List(prefix, SIZE_MAX, [&](auto jobs) {
      CHECK(!answer.has_value()) << "a second answer";
      answer = std::move(jobs);
    });
    scheduler_.RunUntilIdle();
    CHECK((answer.has_value() && answer->ok())) << "no list";
    return DecodeList(**answer);
  }

  void List(const std::string& bytes) {
    const auto request = Decode<pb::ListJobsRequest>(bytes);
    if (!request.has_value()) return;
    const auto prefix = ListPrefix(request->metadata());
    if (!prefix.ok()) return CheckRefusal(prefix.status());
    const TargetKey target = ParseTarget(request->metadata()).value();
    for (const auto& job : ReadAll(*prefix)) {
      CHECK(JobKeyOf(job.metadata(), job.name()).target == target);
    }
  }

  void DeletePrefix(const absl::StatusOr<std::string>& prefix) {
    if (!prefix.ok()) return CheckRefusal(prefix.status());
    std::optional<absl::Status> answer;
    scheduler_.loop->DeletePrefix(*prefix, Once(&answer));
    if (Wait(answer).ok()) CHECK(ReadAll(*prefix).empty());
  }
  void DeleteByMetadata(const std::string& bytes) {
    const auto request = Decode<pb::DeleteByMetadataRequest>(bytes);
    if (!request.has_value()) return;
    DeletePrefix(MetadataPrefix(request->metadata(), request->id_prefix_match()));
  }
  void DeleteByNamePrefix(const std::string& bytes) {
    const auto request = Decode<pb::DeleteByNamePrefixRequest>(bytes);
    if (!request.has_value()) return;
    DeletePrefix(NamePrefix(request->metadata(), request->name_prefix()));
  }

  void Watch(const std::string& bytes) {
    const auto request = Decode<pb::WatchJobsRequest>(bytes);
    if (!request.has_value()) return;
    auto handshake = server::ParseHandshake(*request, scheduler_.limits);
    if (!handshake.ok()) return;
    if (watchers_.size() == kMaxWatchers) {
      scheduler_.Unwatch(*watchers_.front());
      watchers_.erase(watchers_.begin());
    }
    watchers_.push_back(std::make_shared<RecordingWatcher>());
    watchers_.back()->count_unsent = bytes.size() % 2 == 0;
    watchers_.back()->id =
        scheduler_.loop->AddWatcher(watchers_.back(), handshake->targets, handshake->limits);
    scheduler_.RunUntilIdle();
  }

  void Result(const std::string& bytes) {
    const auto request = Decode<pb::WatchJobsRequest>(bytes);
    if (!request.has_value() || watchers_.empty()) return;
    RecordingWatcher& watcher = *watchers_[bytes.size() % watchers_.size()];
    watcher.Drain();
    scheduler_.loop->WatcherDrained(watcher.id);
    const pb::WatchJobsRequestResult& result = request->result();
    scheduler_.Answer(watcher, result.id(),
                      result.status() == pb::SUCCESS ? Outcome::kSuccess : Outcome::kFailed);
  }

  void Restart(const std::string& bytes) {
    watchers_.clear();
    if (bytes.size() % 2 == 0) {
      scheduler_.Kill();
    } else {
      scheduler_.LosePower();
    }
  }

  ManualScheduler scheduler_{SmallLimits()};
  std::vector<std::shared_ptr<RecordingWatcher>> watchers_;
};

}  // namespace
}  // namespace belfry

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  spdlog::set_level(spdlog::level::off);
  google::protobuf::SetLogHandler(nullptr);
  belfry::Server server;
  belfry::FuzzInput input(data, size);
  for (int i = 0; i < belfry::kMaxCalls && !input.rest().empty(); ++i) {
    server.Call(input.TakeLongPart());
  }
  return 0;
}
