#pragma once

// Watcher: one WatchJobs stream on a connection of its own, message by message.

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "dapr/proto/scheduler/v1/scheduler.grpc.pb.h"
#include "grpcpp/client_context.h"
#include "tests/integration/eventually.h"

namespace belfry::integration {

// The first message of a stream that receives the jobs of an app.
dapr::proto::scheduler::v1::WatchJobsRequest WatchApp(const std::string& app_id,
                                                      const std::string& ns = "default");

// Thread safety: belongs to the test's main thread.
class Watcher {
 public:
  // Opens the stream and sends nothing.
  explicit Watcher(const std::string& scheduler);
  // Opens the stream and sends its first message.
  Watcher(const std::string& scheduler, const dapr::proto::scheduler::v1::WatchJobsRequest& first);
  // Cancels the stream.
  ~Watcher();
  Watcher(const Watcher&) = delete;
  Watcher& operator=(const Watcher&) = delete;

  void Send(const dapr::proto::scheduler::v1::WatchJobsRequest& request);
  void Answer(uint64_t id, dapr::proto::scheduler::v1::WatchJobsRequestResultStatus status =
                               dapr::proto::scheduler::v1::SUCCESS);

  // The next trigger; nullopt if none has come at the limit, or the stream has ended.
  std::optional<dapr::proto::scheduler::v1::WatchJobsResponse> Next(
      std::chrono::milliseconds limit = kWaitLimit);

  // Goes away: with what was received unanswered.
  void Cancel();
  // Ends the client's side in good order.
  void HalfClose();

  // How the stream ended; nullopt if it is still open at the limit.
  std::optional<grpc::Status> Finish(std::chrono::milliseconds limit = kWaitLimit);

 private:
  void ReadAll();

  std::unique_ptr<dapr::proto::scheduler::v1::Scheduler::Stub> stub_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<dapr::proto::scheduler::v1::WatchJobsRequest,
                                           dapr::proto::scheduler::v1::WatchJobsResponse>>
      stream_;

  std::mutex mutex_;
  // Signalled when something was received or the stream has ended.
  std::condition_variable changed_;
  std::deque<dapr::proto::scheduler::v1::WatchJobsResponse> received_;  // guarded by mutex_
  std::optional<grpc::Status> status_;                                  // guarded by mutex_
  // Runs ReadAll until the stream has ended.
  std::thread reader_;
};

}  // namespace belfry::integration
