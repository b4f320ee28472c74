#pragma once

// belfry::Client: schedules, reads and deletes jobs on a scheduler that speaks
// dapr.proto.scheduler.v1 (Belfry's or Dapr's).

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "belfry/tls.h"
#include "dapr/proto/scheduler/v1/scheduler.pb.h"

namespace belfry {

// Whether this is the address of a scheduler: host:port with a port of 1 to 65535, where an IPv6
// address stands in brackets, or a name with a scheme that gRPC knows, such as dns:///host:port or
// unix:/path. InvalidArgument, with the address, if not; whether it leads anywhere is found out by
// calls. Any thread.
absl::Status CheckAddress(const std::string& address);

// Whose jobs a client works with. Ordinary value semantics.
struct ClientOptions {
  // host:port of one or more schedulers; requests go to them in turn.
  std::vector<std::string> addresses;
  // Whose jobs: a namespace and an app id, neither empty. Clients of others do not see them.
  std::string ns = "default";
  std::string app_id;
  // Each call ends with DeadlineExceeded after this; 0 and less end it at once.
  absl::Duration call_timeout = absl::Seconds(30);
  // How to speak TLS with schedulers; without, connections are not protected.
  std::optional<TlsOptions> tls;
};

// The seam between Client and the network: one method per RPC, no retries. Implement it to test
// code that uses a Client. Each returns what the scheduler answered, or DeadlineExceeded when
// `timeout` has passed.
// Thread safety: all methods may be called from any thread. They block until the call ends, except
// StartScheduleJob.
class Connection {
 public:
  // Told the end of a call, once. Must not block: it runs on a thread of the connection.
  using Done = std::function<void(absl::Status)>;

  virtual ~Connection() = default;

  // Begins a ScheduleJob and returns true; `done` gets what ScheduleJob would have returned. False,
  // and nothing was done, if that can't be without waiting, e.g. for a scheduler to be reached:
  // call ScheduleJob then. A connection that never can need not override it. Destroying
  // a connection waits for the calls that were started.
  virtual bool StartScheduleJob(dapr::proto::scheduler::v1::ScheduleJobRequest /*request*/,
                                absl::Duration /*timeout*/, Done /*done*/) {
    return false;
  }

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
  // Replaces the addresses, e.g. after WatchHosts told a new list. Calls under way go on.
  virtual void SetAddresses(std::vector<std::string> addresses) = 0;
};

// A connection over gRPC. Expensive: create one and share it. While no scheduler is known or can be
// reached, ScheduleJob, GetJob and DeleteJob wait for one until the timeout and end with
// DeadlineExceeded; the others fail at once with Unavailable. Schedulers known to be down are
// passed over while another is up.
//
// With `tls` connections are protected. If a scheduler is there, but TLS with it fails, because one
// side does not trust the other's certificate or does not speak TLS at all, no call waits: all end
// with Unavailable and say so. FailedPrecondition, with the name of the file, if the options' files
// cannot be used. New files are used by the calls after them; calls under way go on.
std::shared_ptr<Connection> MakeGrpcConnection(std::vector<std::string> addresses,
                                               const std::optional<TlsOptions>& tls = std::nullopt);

// What the retry rule needs of time. Tests replace it; an empty function means the real thing.
struct RetryTime {
  // Time since an arbitrary start; never runs backwards.
  std::function<absl::Duration()> monotonic;
  // Returns after that time.
  std::function<void(absl::Duration)> sleep;
};

// Schedules, reads and deletes the jobs of one app.
//
// Besides what the methods say, every call may end with DeadlineExceeded after
// ClientOptions::call_timeout, with Unavailable if the scheduler is or goes away, with
// InvalidArgument if namespace, app id or name cannot be one, and with ResourceExhausted if the
// scheduler is overloaded. After DeadlineExceeded and Unavailable it is not known whether the call
// took effect; all of them may be repeated (a Schedule with `overwrite`, so that its own first try
// does not refuse the second).
//
// A scheduler that answers CANCELLED is shutting down: the call is repeated on the next one after
// a pause of 125 to 375 ms until the timeout; nothing else is retried.
//
// Thread safety: all methods may be called from any thread. They block until the call ends, except
// StartSchedule. Copies share the connection.
class Client {
 public:
  // With a connection of its own to ClientOptions::addresses, protected by tls. Does not block:
  // connections are made with the first call.
  explicit Client(ClientOptions options);
  // With a connection that may be shared; ClientOptions::addresses and tls are not looked at.
  Client(ClientOptions options, std::shared_ptr<Connection> connection, RetryTime time = {});

  // Stores a job; `name` is 1 to 512 bytes. AlreadyExists if the name is taken and `overwrite` is
  // false; InvalidArgument, with the field and the value, if the job is bad. Then nothing is
  // changed. OK means that the job is on the scheduler's disk.
  absl::Status Schedule(std::string_view name, const dapr::proto::scheduler::v1::Job& job,
                        bool overwrite = false);
  // As Schedule, but `done` is told instead, on a thread which it must not block, and only while a
  // scheduler can be reached: false, and nothing was done, if not. CANCELLED is not repeated: it is
  // what `done` gets, and Schedule then repeats the call.
  bool StartSchedule(std::string_view name, const dapr::proto::scheduler::v1::Job& job,
                     bool overwrite, Connection::Done done);
  // The job as it was scheduled, with the failure policy that it got if it had none. NotFound if
  // there is no such job.
  absl::StatusOr<dapr::proto::scheduler::v1::Job> Get(std::string_view name);
  // Deletes the job; a trigger of it that is on its way may still arrive. OK if there is no such
  // job.
  absl::Status Delete(std::string_view name);
  // The app's jobs in byte order of their names; all of them are held in memory.
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
