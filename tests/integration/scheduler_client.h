#pragma once

// SchedulerClient: the scheduler's unary calls, and the messages that they need.

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "dapr/proto/scheduler/v1/scheduler.grpc.pb.h"
#include "grpcpp/support/status.h"

namespace belfry::integration {

dapr::proto::scheduler::v1::JobMetadata AppMetadata(const std::string& app_id = "app",
                                                    const std::string& ns = "default");
dapr::proto::scheduler::v1::JobMetadata ActorMetadata(const std::string& type,
                                                      const std::string& id);

// A job that is due once, in the text's time.
dapr::proto::scheduler::v1::Job DueIn(const std::string& due_time);
// A job that is due again and again.
dapr::proto::scheduler::v1::Job Recurring(const std::string& schedule);
// The job with a StringValue for a payload.
dapr::proto::scheduler::v1::Job WithText(dapr::proto::scheduler::v1::Job job,
                                         const std::string& text);
// The job with a policy of retries, `max_retries` of them, after `interval_ms` each.
dapr::proto::scheduler::v1::Job WithRetries(dapr::proto::scheduler::v1::Job job,
                                            uint32_t max_retries, int interval_ms);
// The job with the policy to give a tick up when it fails.
dapr::proto::scheduler::v1::Job WithDrop(dapr::proto::scheduler::v1::Job job);

// Every call ends within the limit of all waits; meanwhile it waits for a scheduler that is not
// there. Thread safety: all methods may be called from any thread.
class SchedulerClient {
 public:
  using Metadata = dapr::proto::scheduler::v1::JobMetadata;
  using Job = dapr::proto::scheduler::v1::Job;

  explicit SchedulerClient(const std::string& scheduler);

  grpc::Status Schedule(const std::string& name, const Job& job,
                        const Metadata& metadata = AppMetadata(), bool overwrite = false);
  grpc::Status Get(const std::string& name, const Metadata& metadata = AppMetadata(),
                   Job* job = nullptr);
  grpc::Status Delete(const std::string& name, const Metadata& metadata = AppMetadata());
  // The jobs, and an empty list if the call failed.
  grpc::Status List(const Metadata& metadata,
                    std::vector<dapr::proto::scheduler::v1::NamedJob>* jobs);
  grpc::Status DeleteByMetadata(const Metadata& metadata, bool id_prefix_match = false);
  grpc::Status DeleteByNamePrefix(const Metadata& metadata, const std::string& prefix);

  // Whether the job is there. An error other than "not found" counts as there.
  bool Has(const std::string& name, const Metadata& metadata = AppMetadata());
  // Names of the jobs in the order of the list.
  std::vector<std::string> Names(const Metadata& metadata = AppMetadata());

  dapr::proto::scheduler::v1::Scheduler::Stub& stub() { return *stub_; }

 private:
  std::unique_ptr<dapr::proto::scheduler::v1::Scheduler::Stub> stub_;
};

}  // namespace belfry::integration
