#pragma once

// The sidecar's Jobs API over gRPC, under the older and the newer names of its calls.

#include <optional>
#include <string>
#include <vector>

#include "dapr/proto/runtime/v1/dapr.grpc.pb.h"
#include "grpcpp/support/status.h"

namespace belfry::integration {

enum class RpcNames { kAlpha1, kStable };

// Every call ends within the limit of all waits. Thread safety: as that of the stub, which is
// borrowed.
class JobsApi {
 public:
  using Job = dapr::proto::runtime::v1::Job;

  JobsApi(dapr::proto::runtime::v1::Dapr::Stub* stub, RpcNames names)
      : stub_(stub), names_(names) {}

  grpc::Status Schedule(const Job& job, bool overwrite = false);
  grpc::Status Get(const std::string& name, Job* job = nullptr);
  grpc::Status Delete(const std::string& name);
  // Without a prefix the field is absent.
  grpc::Status DeletePrefix(const std::optional<std::string>& prefix);
  grpc::Status List(std::vector<Job>* jobs);
  // Names of the jobs in the order of the list; the error if the call failed.
  std::vector<std::string> Names();

 private:
  dapr::proto::runtime::v1::Dapr::Stub* const stub_;
  const RpcNames names_;
};

}  // namespace belfry::integration
