#pragma once

// AdminService: the RPCs of belfry.v1.Admin. Each call has a thread of its own for as long as it
// takes, so at most kMaxAdminCalls of them run.

#include <atomic>
#include <functional>
#include <mutex>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "belfry/v1/admin.grpc.pb.h"
#include "grpcpp/server_context.h"
#include "scheduler/loop/scheduler_loop.h"
#include "scheduler/loop/task_runner.h"
#include "scheduler/store/store.h"
#include "server/blocking_stream.h"
#include "server/limits.h"
#include "server/metrics.h"

namespace belfry::server {

// What the service works with; everything is borrowed and outlives it.
struct AdminContext {
  SchedulerLoop* loop;
  const Store* store;
  ServerMetrics* metrics;
  // Copies the store to an absolute path; see MakeBackup in storage/backup.h.
  std::function<absl::StatusOr<v1::BackupResponse>(const std::string& directory,
                                                   const std::function<bool()>& is_cancelled)>
      backup;
  absl::Duration max_stall = kMaxAdminStall;
};

// Says whether a caller may use the service: OK, or what the call ends with. Any thread.
using Authorizer = std::function<grpc::Status(const grpc::ServerContextBase& call)>;

// Everybody may: where only the right people can connect.
grpc::Status AuthorizeAll(const grpc::ServerContextBase& call);

// Thread safety: all methods may be called from any thread. Outlives the server that offers it.
class AdminService final : public v1::Admin::CallbackService {
 public:
  AdminService(AdminContext context, Authorizer authorize);

  // Gives up calls that are under way, as soon as they notice, and refuses later ones.
  void Stop() { stopping_ = true; }

  grpc::ServerUnaryReactor* Backup(grpc::CallbackServerContext* call,
                                   const v1::BackupRequest* request,
                                   v1::BackupResponse* response) override;
  grpc::ServerWriteReactor<v1::QuarantinedRecord>* ListQuarantine(
      grpc::CallbackServerContext* call, const v1::ListQuarantineRequest* request) override;
  grpc::ServerWriteReactor<v1::ListJobsResponse>* ListJobs(
      grpc::CallbackServerContext* call, const v1::ListJobsRequest* request) override;
  grpc::ServerWriteReactor<v1::ExportResponse>* Export(grpc::CallbackServerContext* call,
                                                       const v1::ExportRequest* request) override;
  grpc::ServerBidiReactor<v1::ImportRequest, v1::ImportResponse>* Import(
      grpc::CallbackServerContext* call) override;

 private:
  using Call = grpc::CallbackServerContext;
  using Body = absl::AnyInvocable<absl::Status()>;
  using Finish = absl::AnyInvocable<void(const grpc::Status&)>;
  using ImportStream = BlockingStream<v1::ImportRequest, v1::ImportResponse>;

  // Has a thread run the call's body and then `finish`, if the caller may have it and there is
  // room; otherwise finishes at once. What `finish` ends must not be used afterwards.
  void Start(const Call& call, const char* name, Body body, Finish finish);
  absl::Status MakeBackup(Call* call, const v1::BackupRequest& request,
                          v1::BackupResponse* response);
  absl::Status SendQuarantine(Call* call, ResponseWriter<v1::QuarantinedRecord>* writer);
  // Sends the jobs of a filter, each as `fill` puts it into a response.
  template <typename Response, typename Fill>
  absl::Status SendJobs(Call* call, const v1::JobFilter& filter, ResponseWriter<Response>* writer,
                        Fill fill);
  absl::Status ReceiveJobs(Call* call, ImportStream* stream);
  bool IsOver(Call* call) const { return stopping_ || call->IsCancelled(); }
  // What a call ends with that is over before its time.
  absl::Status WhyOver() const;

  const AdminContext context_;
  const Authorizer authorize_;
  std::atomic<bool> stopping_ = false;
  std::atomic<int> calls_ = 0;
  std::atomic<bool> backup_is_running_ = false;
  // As many threads as there may be calls, from the first call on.
  std::once_flag threads_started_;
  TaskRunner threads_;
};

}  // namespace belfry::server
