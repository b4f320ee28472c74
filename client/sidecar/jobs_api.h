#pragma once

// The Jobs API behind both HTTP and gRPC.

#include <boost/asio/thread_pool.hpp>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/time/time.h"
#include "belfry/client.h"
#include "client/sidecar/errors.h"
#include "client/sidecar/limits.h"
#include "client/sidecar/scheduler_hosts.h"
#include "dapr/proto/runtime/v1/jobs.pb.h"

namespace belfry::sidecar {

struct JobsApiOptions {
  std::string app_id;
  std::string ns = "default";
  // How long a call may take, waiting for a thread and for a scheduler included.
  absl::Duration call_timeout = absl::Seconds(30);
  int threads = kSchedulerCallThreads;
  int max_calls = kMaxSchedulerCalls;
};

// Checks requests and sends them to a scheduler: schedules without holding a thread while a
// scheduler can be reached, all else on threads of its own, because the client blocks. Each call
// ends by calling its `done` exactly once: at once on the caller's thread if the request is bad or
// too many calls are in progress, else on a thread of this class or of the client. Thread safety:
// all methods may be called from any thread, except Close.
class JobsApi {
 public:
  // No error means success.
  using Done = absl::AnyInvocable<void(std::optional<ApiError>)>;
  using GetDone = absl::AnyInvocable<void(std::optional<ApiError>, dapr::proto::runtime::v1::Job)>;
  using ListDone =
      absl::AnyInvocable<void(std::optional<ApiError>, std::vector<dapr::proto::runtime::v1::Job>)>;

  // `hosts` must outlive this object.
  JobsApi(JobsApiOptions options, std::shared_ptr<Connection> connection, SchedulerHosts& hosts);
  ~JobsApi();  // closes
  JobsApi(const JobsApi&) = delete;
  JobsApi& operator=(const JobsApi&) = delete;

  // `limit` is how long the caller will wait; a call ends after that or
  // JobsApiOptions::call_timeout, whichever is shorter, so that no thread works for somebody who
  // has gone.
  void Schedule(dapr::proto::runtime::v1::ScheduleJobRequest request, Done done,
                absl::Duration limit = absl::InfiniteDuration());
  void Get(std::string name, GetDone done, absl::Duration limit = absl::InfiniteDuration());
  void Delete(std::string name, Done done, absl::Duration limit = absl::InfiniteDuration());
  // Deletes the app's jobs whose names begin with `prefix`; all of them if it is empty.
  void DeletePrefix(std::string prefix, Done done, absl::Duration limit = absl::InfiniteDuration());
  void List(ListDone done, absl::Duration limit = absl::InfiniteDuration());

  const JobErrors& errors() const { return errors_; }

  // Waits until all calls have ended. REQUIRES: no further calls are made.
  void Close();

 private:
  using Deadline = std::chrono::steady_clock::time_point;

  // Counts a call while it lives; Close waits for all of them.
  class Counted {
   public:
    explicit Counted(JobsApi& api) : api_(&api) {}
    Counted(Counted&& other) noexcept : api_(std::exchange(other.api_, nullptr)) {}
    ~Counted();

   private:
    JobsApi* api_;
  };
  // A schedule that has not ended.
  struct Pending;

  // One more call, or the reason why there can't be one.
  absl::StatusOr<Counted> Count();
  Deadline DeadlineAfter(absl::Duration limit) const;
  // Runs `call` on a thread, with a client whose timeout is what is left of the call's time, or
  // with the reason why there is none.
  void Run(absl::Duration limit, absl::AnyInvocable<void(absl::StatusOr<Client>)> call);
  // False, and nothing was done, if the schedule would have to wait for a scheduler.
  bool StartSchedule(const std::shared_ptr<Pending>& pending);
  void RunSchedule(const std::shared_ptr<Pending>& pending);
  void EndSchedule(Pending& pending, const absl::Status& status) const;
  absl::StatusOr<Client> MakeClient(Deadline deadline) const;

  const JobsApiOptions options_;
  const JobErrors errors_;
  const std::shared_ptr<Connection> connection_;
  SchedulerHosts& hosts_;
  std::mutex mutex_;
  std::condition_variable none_left_;  // signalled when calls_ becomes 0
  int calls_ = 0;                      // guarded by mutex_
  boost::asio::thread_pool pool_;
};

}  // namespace belfry::sidecar
