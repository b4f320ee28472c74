#pragma once

// FakeScheduler: a Scheduler service in this process, on a port of 127.0.0.1, that does what a test
// tells it to. It does what the reference does on the wire: WatchHosts sends a list and then keeps
// silent; WatchJobs sends nothing until there is a trigger.

#include <condition_variable>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "dapr/proto/scheduler/v1/scheduler.grpc.pb.h"
#include "grpcpp/security/server_credentials.h"
#include "grpcpp/server.h"

namespace belfry {

// What a wait in these tests may take before it counts as failed.
inline constexpr absl::Duration kWaitLimit = absl::Seconds(20);

struct FakeSchedulerOptions {
  int port = 0;  // 0: any
  bool has_watch_hosts = true;
  // Close WatchHosts right after the first list.
  bool hangs_up = false;
  int keepalive_ms = 0;  // pings to clients; 0: none
  std::shared_ptr<grpc::ServerCredentials> credentials = grpc::InsecureServerCredentials();
};

// Thread safety: all methods may be called from any thread.
class FakeScheduler final : public dapr::proto::scheduler::v1::Scheduler::Service {
 public:
  explicit FakeScheduler(FakeSchedulerOptions options = {});
  ~FakeScheduler() override;

  int port() const { return port_; }
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

  // The list that WatchHosts tells; sent to present watchers too. Initially this one's address.
  void SetHosts(std::vector<std::string> hosts);
  // What unary calls answer.
  void SetAnswer(grpc::Status answer);
  // What streams end with as soon as they have said whose they are; OK, as initially, lets them
  // live.
  void SetRefusal(grpc::Status refusal);
  // Sends a trigger to the stream'th of the streams that are open; false if there is none.
  bool Send(size_t stream, uint64_t id, const std::string& name);
  // Ends one stream, or all.
  void CloseStream(size_t stream);
  void CloseStreams();

  // What was seen so far.
  size_t streams() const;
  int opened_streams() const;
  int watch_hosts_calls() const;
  int unary_calls() const;
  // Client addresses of all streams so far.
  std::set<std::string> stream_peers() const;
  dapr::proto::scheduler::v1::WatchJobsRequestInitial initial() const;
  std::vector<dapr::proto::scheduler::v1::WatchJobsRequestResult> results() const;

  // Waits until `condition` holds, looking each time that something has changed.
  bool WaitUntil(const std::function<bool()>& condition);

  grpc::Status ScheduleJob(grpc::ServerContext* context,
                           const dapr::proto::scheduler::v1::ScheduleJobRequest* request,
                           dapr::proto::scheduler::v1::ScheduleJobResponse* response) override;
  grpc::Status ListJobs(grpc::ServerContext* context,
                        const dapr::proto::scheduler::v1::ListJobsRequest* request,
                        dapr::proto::scheduler::v1::ListJobsResponse* response) override;
  grpc::Status WatchHosts(
      grpc::ServerContext* context, const dapr::proto::scheduler::v1::WatchHostsRequest* request,
      grpc::ServerWriter<dapr::proto::scheduler::v1::WatchHostsResponse>* writer) override;
  grpc::Status WatchJobs(
      grpc::ServerContext* context,
      grpc::ServerReaderWriter<dapr::proto::scheduler::v1::WatchJobsResponse,
                               dapr::proto::scheduler::v1::WatchJobsRequest>* stream) override;

 private:
  struct Stream {
    grpc::ServerContext* context;
    grpc::ServerReaderWriter<dapr::proto::scheduler::v1::WatchJobsResponse,
                             dapr::proto::scheduler::v1::WatchJobsRequest>* stream;
  };

  const FakeSchedulerOptions options_;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;

  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  // Guarded by mutex_.
  bool stopping_ = false;
  std::vector<std::string> hosts_;
  int hosts_version_ = 1;
  grpc::Status answer_;
  grpc::Status refusal_;
  std::list<Stream> streams_;
  int opened_streams_ = 0;
  int watch_hosts_calls_ = 0;
  int unary_calls_ = 0;
  std::set<std::string> stream_peers_;
  dapr::proto::scheduler::v1::WatchJobsRequestInitial initial_;
  std::vector<dapr::proto::scheduler::v1::WatchJobsRequestResult> results_;
};

}  // namespace belfry
