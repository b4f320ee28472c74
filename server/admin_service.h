#pragma once

// AdminService: the RPCs of belfry.v1.Admin. Each call has a thread of its own for as long as it
// takes, so at most kMaxAdminCalls of them run.

#include <atomic>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "belfry/v1/admin.grpc.pb.h"
#include "grpcpp/server_context.h"
#include "scheduler/loop/scheduler_loop.h"
#include "scheduler/store/store.h"
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
using Authorizer = std::function<grpc::Status(const grpc::ServerContext& call)>;

// Everybody may: where only the right people can connect.
grpc::Status AuthorizeAll(const grpc::ServerContext& call);

// Thread safety: all methods may be called from any thread.
class AdminService final : public v1::Admin::Service {
 public:
  AdminService(AdminContext context, Authorizer authorize);

  // Gives up calls that are under way, as soon as they notice, and refuses later ones.
  void Stop() { stopping_ = true; }

  grpc::Status Backup(grpc::ServerContext* call, const v1::BackupRequest* request,
                      v1::BackupResponse* response) override;
  grpc::Status ListQuarantine(grpc::ServerContext* call, const v1::ListQuarantineRequest* request,
                              grpc::ServerWriter<v1::QuarantinedRecord>* writer) override;
  grpc::Status ListJobs(grpc::ServerContext* call, const v1::ListJobsRequest* request,
                        grpc::ServerWriter<v1::ListJobsResponse>* writer) override;
  grpc::Status Export(grpc::ServerContext* call, const v1::ExportRequest* request,
                      grpc::ServerWriter<v1::ExportResponse>* writer) override;
  grpc::Status Import(
      grpc::ServerContext* call,
      grpc::ServerReaderWriter<v1::ImportResponse, v1::ImportRequest>* stream) override;

 private:
  // Runs the call's body if the caller may have it and there is room.
  template <typename Body>
  grpc::Status Run(grpc::ServerContext* call, const char* name, Body body);
  absl::Status MakeBackup(grpc::ServerContext* call, const v1::BackupRequest& request,
                          v1::BackupResponse* response);
  absl::Status SendQuarantine(grpc::ServerContext* call,
                              grpc::ServerWriter<v1::QuarantinedRecord>* writer);
  // Sends the jobs of a filter, each as `fill` puts it into a response.
  template <typename Response, typename Fill>
  absl::Status SendJobs(grpc::ServerContext* call, const v1::JobFilter& filter,
                        grpc::ServerWriter<Response>* writer, Fill fill);
  absl::Status ReceiveJobs(grpc::ServerContext* call,
                           grpc::ServerReaderWriter<v1::ImportResponse, v1::ImportRequest>* stream);
  bool IsOver(grpc::ServerContext* call) const { return stopping_ || call->IsCancelled(); }
  // What a call ends with that is over before its time.
  absl::Status WhyOver() const;

  const AdminContext context_;
  const Authorizer authorize_;
  std::atomic<bool> stopping_ = false;
  std::atomic<int> calls_ = 0;
  std::atomic<bool> backup_is_running_ = false;
};

}  // namespace belfry::server
