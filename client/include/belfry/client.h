#pragma once

// belfry::Client: schedules, reads and deletes jobs on a scheduler that speaks
// dapr.proto.scheduler.v1 (Belfry's or Dapr's).

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "dapr/proto/scheduler/v1/scheduler.pb.h"

namespace belfry {

// Whose jobs a client works with.
struct ClientOptions {
  // host:port of one or more schedulers; requests go to them in turn.
  std::vector<std::string> addresses;
  std::string ns = "default";
  std::string app_id;
  // Each call ends with DeadlineExceeded after this.
  absl::Duration call_timeout = absl::Seconds(30);
};

// The seam between Client and the network: one method per RPC, no retries. Implement it to test
// code that uses a Client.
// Thread safety: all methods may be called from any thread. They block until the call ends.
class Connection {
 public:
  virtual ~Connection() = default;
  virtual absl::Status ScheduleJob(const dapr::proto::scheduler::v1::ScheduleJobRequest& request,
                                   absl::Duration timeout) = 0;
  virtual absl::StatusOr<dapr::proto::scheduler::v1::GetJobResponse> GetJob(
      const dapr::proto::scheduler::v1::GetJobRequest& request, absl::Duration timeout) = 0;
  virtual absl::Status DeleteJob(const dapr::proto::scheduler::v1::DeleteJobRequest& request,
                                 absl::Duration timeout) = 0;
  virtual absl::StatusOr<dapr::proto::scheduler::v1::ListJobsResponse> ListJobs(
      const dapr::proto::scheduler::v1::ListJobsRequest& request, absl::Duration timeout) = 0;
  virtual absl::Status DeleteByMetadata(
      const dapr::proto::scheduler::v1::DeleteByMetadataRequest& request,
      absl::Duration timeout) = 0;
  virtual absl::Status DeleteByNamePrefix(
      const dapr::proto::scheduler::v1::DeleteByNamePrefixRequest& request,
      absl::Duration timeout) = 0;
  // Addresses that calls currently go to; empty while none is known.
  virtual std::vector<std::string> addresses() const = 0;
  // Replaces the addresses, e.g. after WatchHosts told a new list.
  virtual void SetAddresses(std::vector<std::string> addresses) = 0;
};

// A connection over gRPC. Expensive: create one and share it. While no scheduler is known or can be
// reached, ScheduleJob, GetJob and DeleteJob wait for one until the timeout and end with
// DeadlineExceeded; the others fail at once with Unavailable. Schedulers known to be down are
// passed over while another is up.
std::shared_ptr<Connection> MakeGrpcConnection(std::vector<std::string> addresses);

// What the retry rule needs of time. Tests replace it; an empty function means the real thing.
struct RetryTime {
  // Time since an arbitrary start; never runs backwards.
  std::function<absl::Duration()> monotonic;
  std::function<void(absl::Duration)> sleep;
};

// Thread safety: all methods may be called from any thread. They block until the call ends.
// A scheduler that answers CANCELLED is shutting down: the call is repeated on the next one after
// a pause of 125 to 375 ms until the timeout; nothing else is retried.
class Client {
 public:
  explicit Client(ClientOptions options);
  Client(ClientOptions options, std::shared_ptr<Connection> connection, RetryTime time = {});

  // AlreadyExists if the name is taken and `overwrite` is false; InvalidArgument if the job is bad.
  // OK means that the job is on the scheduler's disk.
  absl::Status Schedule(std::string_view name, const dapr::proto::scheduler::v1::Job& job,
                        bool overwrite = false);
  // NotFound if there is no such job.
  absl::StatusOr<dapr::proto::scheduler::v1::Job> Get(std::string_view name);
  // OK if there is no such job.
  absl::Status Delete(std::string_view name);
  // The app's jobs in byte order of their names.
  absl::StatusOr<std::vector<dapr::proto::scheduler::v1::NamedJob>> List();
  // Deletes the app's jobs whose names begin with `name_prefix`; all of them if it is empty.
  absl::Status DeletePrefix(std::string_view name_prefix);

  const ClientOptions& options() const { return options_; }
  const std::shared_ptr<Connection>& connection() const { return connection_; }

 private:
  ClientOptions options_;
  std::shared_ptr<Connection> connection_;
  RetryTime time_;
};

}  // namespace belfry
