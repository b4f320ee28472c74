#include "client/sidecar/jobs_api.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>

#include "client/sidecar/job_messages.h"
#include "client/sidecar/json_text.h"

namespace belfry::sidecar {

using dapr::proto::runtime::v1::Job;
using dapr::proto::runtime::v1::ScheduleJobRequest;

namespace {

// Protobuf carries only UTF-8; a URL's escapes can say anything.
absl::Status CheckUtf8(const std::string& name) {
  if (IsUtf8(name)) return absl::OkStatus();
  return LocalFailure("job name is not UTF-8", absl::StatusCode::kInvalidArgument);
}

}  // namespace

JobsApi::JobsApi(JobsApiOptions options, std::shared_ptr<Connection> connection,
                 SchedulerHosts& hosts)
    : options_(std::move(options)),
      errors_(options_.app_id, options_.ns),
      connection_(std::move(connection)),
      hosts_(hosts),
      pool_(static_cast<std::size_t>(options_.threads)) {}

JobsApi::~JobsApi() { Close(); }

void JobsApi::Close() {
  {
    std::unique_lock lock(mutex_);
    none_left_.wait(lock, [this] { return calls_ == 0; });
  }
  pool_.join();
}

absl::StatusOr<JobsApi::Counted> JobsApi::Count() {
  const std::lock_guard lock(mutex_);
  if (calls_ >= options_.max_calls) {
    return LocalFailure(
        fmt::format("{} calls to the scheduler are in progress already, see --max-scheduler-calls",
                    options_.max_calls),
        absl::StatusCode::kResourceExhausted);
  }
  ++calls_;
  return Counted(*this);
}

JobsApi::Counted::~Counted() {
  if (api_ == nullptr) return;
  const std::lock_guard lock(api_->mutex_);
  if (--api_->calls_ == 0) api_->none_left_.notify_all();
}

JobsApi::Deadline JobsApi::DeadlineAfter(absl::Duration limit) const {
  return std::chrono::steady_clock::now() +
         absl::ToChronoNanoseconds(std::clamp(limit, absl::ZeroDuration(), options_.call_timeout));
}

absl::StatusOr<Client> JobsApi::MakeClient(std::chrono::steady_clock::time_point deadline) const {
  if (auto status = hosts_.WaitUntilKnown(deadline); !status.ok()) return status;
  const absl::Duration left = absl::FromChrono(deadline - std::chrono::steady_clock::now());
  if (left <= absl::ZeroDuration()) {
    // The call has waited for a thread all its time: the calls before it wait for the scheduler.
    return absl::DeadlineExceededError("context deadline exceeded");
  }
  ClientOptions options;
  options.ns = options_.ns;
  options.app_id = options_.app_id;
  options.call_timeout = left;
  return Client(std::move(options), connection_);
}

void JobsApi::Run(absl::Duration limit, absl::AnyInvocable<void(absl::StatusOr<Client>)> call) {
  auto counted = Count();
  if (!counted.ok()) return call(counted.status());
  boost::asio::post(pool_, [this, deadline = DeadlineAfter(limit), counted = *std::move(counted),
                            call = std::move(call)]() mutable { call(MakeClient(deadline)); });
}

struct JobsApi::Pending {
  ScheduleJobRequest request;
  Done done;
  Deadline deadline;
  Counted counted;
};

void JobsApi::Schedule(ScheduleJobRequest request, Done done, absl::Duration limit) {
  if (!request.has_job()) return done(errors_.JobEmpty());
  const Job& job = request.job();
  if (job.name().empty()) return done(errors_.NameEmpty());
  if (auto status = CheckUtf8(job.name()); !status.ok()) {
    return done(errors_.ScheduleFailed(status));
  }
  if (!job.has_schedule() && !job.has_due_time()) return done(errors_.ScheduleEmpty());
  auto counted = Count();
  if (!counted.ok()) return done(errors_.ScheduleFailed(counted.status()));
  const auto pending = std::make_shared<Pending>(
      Pending{std::move(request), std::move(done), DeadlineAfter(limit), *std::move(counted)});
  if (!StartSchedule(pending)) RunSchedule(pending);
}

bool JobsApi::StartSchedule(const std::shared_ptr<Pending>& pending) {
  if (!hosts_.known()) return false;
  auto client = MakeClient(pending->deadline);
  if (!client.ok()) return false;
  const ScheduleJobRequest& request = pending->request;
  return client->StartSchedule(request.job().name(), ToSchedulerJob(request.job()),
                               request.overwrite(), [this, pending](const absl::Status& status) {
                                 // The scheduler is shutting down: to be repeated on another one.
                                 if (absl::IsCancelled(status)) return RunSchedule(pending);
                                 EndSchedule(*pending, status);
                               });
}

void JobsApi::RunSchedule(const std::shared_ptr<Pending>& pending) {
  boost::asio::post(pool_, [this, pending] {
    const ScheduleJobRequest& request = pending->request;
    auto client = MakeClient(pending->deadline);
    EndSchedule(*pending, client.ok()
                              ? client->Schedule(request.job().name(),
                                                 ToSchedulerJob(request.job()), request.overwrite())
                              : client.status());
  });
}

void JobsApi::EndSchedule(Pending& pending, const absl::Status& status) const {
  if (!status.ok()) return pending.done(errors_.ScheduleFailed(status));
  pending.done(std::nullopt);
}

void JobsApi::Get(std::string name, GetDone done, absl::Duration limit) {
  if (name.empty()) return done(errors_.NameEmpty(), Job());
  if (auto status = CheckUtf8(name); !status.ok()) return done(errors_.GetFailed(status), Job());
  Run(limit, [this, name = std::move(name),
              done = std::move(done)](absl::StatusOr<Client> client) mutable {
    if (!client.ok()) return done(errors_.GetFailed(client.status()), Job());
    const auto job = client->Get(name);
    if (!job.ok()) return done(errors_.GetFailed(job.status()), Job());
    done(std::nullopt, ToRuntimeJob(name, *job));
  });
}

void JobsApi::Delete(std::string name, Done done, absl::Duration limit) {
  if (name.empty()) return done(errors_.NameEmpty());
  if (auto status = CheckUtf8(name); !status.ok()) return done(errors_.DeleteFailed(status));
  Run(limit, [this, name = std::move(name),
              done = std::move(done)](absl::StatusOr<Client> client) mutable {
    const absl::Status status = client.ok() ? client->Delete(name) : client.status();
    if (!status.ok()) return done(errors_.DeleteFailed(status));
    done(std::nullopt);
  });
}

void JobsApi::DeletePrefix(std::string prefix, Done done, absl::Duration limit) {
  Run(limit, [this, prefix = std::move(prefix),
              done = std::move(done)](absl::StatusOr<Client> client) mutable {
    const absl::Status status = client.ok() ? client->DeletePrefix(prefix) : client.status();
    if (!status.ok()) return done(errors_.DeleteFailed(status));
    done(std::nullopt);
  });
}

void JobsApi::List(ListDone done, absl::Duration limit) {
  Run(limit, [this, done = std::move(done)](absl::StatusOr<Client> client) mutable {
    if (!client.ok()) return done(errors_.ListFailed(client.status()), {});
    const auto named = client->List();
    if (!named.ok()) return done(errors_.ListFailed(named.status()), {});
    std::vector<Job> jobs;
    for (const auto& job : *named) jobs.push_back(ToRuntimeJob(job.name(), job.job()));
    done(std::nullopt, std::move(jobs));
  });
}

}  // namespace belfry::sidecar
