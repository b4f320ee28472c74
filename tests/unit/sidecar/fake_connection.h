#pragma once

#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "belfry/client.h"

namespace belfry::sidecar {

// A scheduler in memory. Thread safety: all methods may be called from any thread.
class FakeConnection : public Connection {
 public:
  // While calls are only started, ScheduleJob is not asked, see EndStarted.
  bool StartScheduleJob(dapr::proto::scheduler::v1::ScheduleJobRequest request, absl::Duration,
                        Done done) override {
    const std::lock_guard lock(mutex_);
    if (!starts_) return false;
    last_request_ = std::move(request);
    started_.push_back(std::move(done));
    return true;
  }

  absl::Status ScheduleJob(const dapr::proto::scheduler::v1::ScheduleJobRequest& request,
                           absl::Duration timeout) override {
    std::unique_lock lock(mutex_);
    opened_.wait(lock, [this] { return !held_; });
    last_timeout_ = timeout;
    last_request_ = request;
    if (!failure_.ok()) return failure_;
    if (!request.overwrite() && jobs_.contains(request.name())) {
      return absl::AlreadyExistsError("job already exists: '" + request.name() + "'");
    }
    jobs_[request.name()] = request.job();
    return absl::OkStatus();
  }

  absl::StatusOr<dapr::proto::scheduler::v1::GetJobResponse> GetJob(
      const dapr::proto::scheduler::v1::GetJobRequest& request, absl::Duration) override {
    const std::lock_guard lock(mutex_);
    if (!failure_.ok()) return failure_;
    const auto job = jobs_.find(request.name());
    if (job == jobs_.end()) return absl::NotFoundError("job not found: " + request.name());
    dapr::proto::scheduler::v1::GetJobResponse response;
    *response.mutable_job() = job->second;
    return response;
  }

  absl::Status DeleteJob(const dapr::proto::scheduler::v1::DeleteJobRequest& request,
                         absl::Duration) override {
    const std::lock_guard lock(mutex_);
    if (!failure_.ok()) return failure_;
    jobs_.erase(request.name());
    return absl::OkStatus();
  }

  absl::StatusOr<dapr::proto::scheduler::v1::ListJobsResponse> ListJobs(
      const dapr::proto::scheduler::v1::ListJobsRequest&, absl::Duration) override {
    const std::lock_guard lock(mutex_);
    if (!failure_.ok()) return failure_;
    dapr::proto::scheduler::v1::ListJobsResponse response;
    for (const auto& [name, job] : jobs_) {
      auto& named = *response.add_jobs();
      named.set_name(name);
      *named.mutable_job() = job;
    }
    return response;
  }

  absl::Status DeleteByMetadata(const dapr::proto::scheduler::v1::DeleteByMetadataRequest&,
                                absl::Duration) override {
    const std::lock_guard lock(mutex_);
    if (!failure_.ok()) return failure_;
    jobs_.clear();
    return absl::OkStatus();
  }

  absl::Status DeleteByNamePrefix(
      const dapr::proto::scheduler::v1::DeleteByNamePrefixRequest& request,
      absl::Duration) override {
    const std::lock_guard lock(mutex_);
    if (!failure_.ok()) return failure_;
    std::erase_if(jobs_,
                  [&](const auto& job) { return job.first.starts_with(request.name_prefix()); });
    return absl::OkStatus();
  }

  std::vector<std::string> addresses() const override {
    const std::lock_guard lock(mutex_);
    return addresses_;
  }
  void SetAddresses(std::vector<std::string> addresses) override {
    const std::lock_guard lock(mutex_);
    addresses_ = std::move(addresses);
  }

  // What every further call fails with; OK ends that.
  void SetFailure(absl::Status failure) {
    const std::lock_guard lock(mutex_);
    failure_ = std::move(failure);
  }
  // Whether calls can be started without waiting for their end.
  void SetStarts(bool starts) {
    const std::lock_guard lock(mutex_);
    starts_ = starts;
  }
  // Ends the oldest call that was started; false if there is none.
  bool EndStarted(absl::Status status) {
    Done done;
    {
      const std::lock_guard lock(mutex_);
      if (started_.empty()) return false;
      done = std::move(started_.front());
      started_.pop_front();
    }
    done(std::move(status));
    return true;
  }
  // While held, calls of ScheduleJob do not return.
  void SetHeld(bool held) {
    {
      const std::lock_guard lock(mutex_);
      held_ = held;
    }
    opened_.notify_all();
  }

  std::map<std::string, dapr::proto::scheduler::v1::Job> jobs() const {
    const std::lock_guard lock(mutex_);
    return jobs_;
  }
  dapr::proto::scheduler::v1::ScheduleJobRequest last_request() const {
    const std::lock_guard lock(mutex_);
    return last_request_;
  }
  absl::Duration last_timeout() const {
    const std::lock_guard lock(mutex_);
    return last_timeout_;
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable opened_;
  bool held_ = false;
  bool starts_ = false;
  std::deque<Done> started_;
  absl::Status failure_;
  std::map<std::string, dapr::proto::scheduler::v1::Job> jobs_;
  std::vector<std::string> addresses_;
  dapr::proto::scheduler::v1::ScheduleJobRequest last_request_;
  absl::Duration last_timeout_;
};

}  // namespace belfry::sidecar
