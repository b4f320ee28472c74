#include "server/admin_service.h"

#include <sys/stat.h>

#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include <catch2/catch.hpp>

#include "scheduler/store/quarantine.h"
#include "server/admin_server.h"
#include "server/limits.h"
#include "tests/support/mute_client.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/server/running_server.h"

namespace belfry::server {
namespace {

// The admin service beside a scheduler.
class RunningAdmin {
 public:
  explicit RunningAdmin(absl::Duration max_stall = absl::Minutes(1),
                        Authorizer authorize = AuthorizeAll) {
    AdminContext context;
    context.loop = &server_.loop();
    context.store = &server_.store();
    context.metrics = &server_.metrics();
    context.backup = [this](const std::string& directory, const std::function<bool()>&) {
      backups_.push_back(directory);
      v1::BackupResponse response;
      response.set_jobs(7);
      return absl::StatusOr<v1::BackupResponse>(response);
    };
    context.max_stall = max_stall;
    service_ = std::make_unique<AdminService>(std::move(context), std::move(authorize));
    auto admin = AdminServer::Start(socket(), service_.get());
    INFO(admin.status().ToString());
    REQUIRE(admin.ok());
    admin_ = std::move(admin).value();
    stub_ = v1::Admin::NewStub(
        grpc::CreateChannel("unix:" + socket(), grpc::InsecureChannelCredentials()));
  }
  ~RunningAdmin() { Stop(); }

  void Stop() {
    if (admin_ == nullptr) return;
    service_->Stop();
    admin_->Shutdown(absl::ZeroDuration());
    admin_.reset();
  }

  RunningServer& scheduler() { return server_; }
  v1::Admin::Stub& stub() { return *stub_; }
  std::string socket() const { return dir_ / "admin.sock"; }
  const std::vector<std::string>& backups() const { return backups_; }

  std::pair<grpc::Status, std::vector<v1::ExportedJob>> Export(const std::string& ns = "") {
    grpc::ClientContext context;
    LimitTime(&context);
    v1::ExportRequest request;
    request.mutable_filter()->set_namespace_(ns);
    const auto reader = stub_->Export(&context, request);
    std::vector<v1::ExportedJob> jobs;
    v1::ExportResponse response;
    while (reader->Read(&response)) jobs.push_back(response.job());
    return {reader->Finish(), jobs};
  }

  struct Imported {
    grpc::Status status;
    std::vector<v1::ImportProblem> problems;
    v1::ImportSummary summary;
  };
  Imported Import(const std::vector<v1::ExportedJob>& jobs, v1::ConflictRule rule,
                  bool dry_run = false) {
    grpc::ClientContext context;
    LimitTime(&context);
    const auto stream = stub_->Import(&context);
    v1::ImportRequest request;
    request.mutable_options()->set_on_conflict(rule);
    request.mutable_options()->set_dry_run(dry_run);
    bool open = stream->Write(request);
    for (size_t i = 0; i < jobs.size() && open; ++i) {
      request.mutable_job()->set_line(i + 1);
      *request.mutable_job()->mutable_job() = jobs[i];
      open = stream->Write(request);
    }
    stream->WritesDone();
    Imported result;
    v1::ImportResponse response;
    while (stream->Read(&response)) {
      if (response.has_problem()) result.problems.push_back(response.problem());
      if (response.has_summary()) result.summary = response.summary();
    }
    result.status = stream->Finish();
    return result;
  }

 private:
  const TempDir dir_;
  std::vector<std::string> backups_;
  RunningServer server_;
  std::unique_ptr<AdminService> service_;
  std::unique_ptr<AdminServer> admin_;
  std::unique_ptr<v1::Admin::Stub> stub_;
};

std::vector<std::string> NamesOf(const std::vector<v1::ExportedJob>& jobs) {
  std::vector<std::string> names;
  for (const v1::ExportedJob& job : jobs) names.push_back(job.name());
  return names;
}

void Schedule(RunningAdmin* admin, const std::string& name,
              const pb::JobMetadata& metadata = AppMetadata(), const std::string& due = "24h") {
  REQUIRE(admin->scheduler().Schedule(JobRequest(name, metadata, due)).ok());
}

TEST_CASE("jobs are exported with all they need, and imported as they were") {
  RunningAdmin from;
  pb::ScheduleJobRequest request = JobRequest("j", ActorMetadata("Type", "1"), "24h");
  request.mutable_metadata()->set_concurrency_key("key");
  request.mutable_job()->set_schedule("@every 1h");
  request.mutable_job()->set_ttl("48h");
  request.mutable_job()->set_repeats(3);
  request.mutable_job()->mutable_data()->set_type_url("type.example/x");
  request.mutable_job()->mutable_data()->set_value(std::string("\0\xff payload", 10));
  // Of a newer client.
  request.mutable_job()
      ->GetReflection()
      ->MutableUnknownFields(request.mutable_job())
      ->AddVarint(1000, 5);
  REQUIRE(from.scheduler().Schedule(request).ok());
  Schedule(&from, "one-shot");
  const auto [status, jobs] = from.Export();
  REQUIRE(status.ok());
  REQUIRE(NamesOf(jobs) == std::vector<std::string>{"one-shot", "j"});
  CHECK(jobs[1].begin().seconds() == jobs[1].first_due().seconds());
  CHECK(jobs[1].has_expiration());
  CHECK_FALSE(jobs[1].has_counter());

  RunningAdmin to;
  const auto imported = to.Import(jobs, v1::CONFLICT_RULE_FAIL);
  REQUIRE(imported.status.ok());
  CHECK(imported.problems.empty());
  CHECK(imported.summary.stored() == 2);
  const auto [again_status, again] = to.Export();
  REQUIRE(again.size() == 2);
  for (size_t i = 0; i < 2; ++i) {
    CHECK(again[i].SerializeAsString() == jobs[i].SerializeAsString());
  }
}

TEST_CASE("an export may be of one namespace, a list of one target") {
  RunningAdmin admin;
  Schedule(&admin, "a");
  Schedule(&admin, "b", AppMetadata("app2"));
  Schedule(&admin, "c", ActorMetadata("Type", "1"));
  Schedule(&admin, "d", AppMetadata("app", "ns-2"));
  CHECK(NamesOf(admin.Export("ns").second) == std::vector<std::string>{"a", "b", "c"});
  CHECK(NamesOf(admin.Export("ns-2").second) == std::vector<std::string>{"d"});
  CHECK(NamesOf(admin.Export().second).size() == 4);

  const auto list = [&](const v1::JobFilter& filter, std::vector<std::string>* names) {
    grpc::ClientContext context;
    LimitTime(&context);
    v1::ListJobsRequest request;
    *request.mutable_filter() = filter;
    const auto reader = admin.stub().ListJobs(&context, request);
    v1::ListJobsResponse response;
    while (reader->Read(&response)) names->push_back(response.job().name());
    return reader->Finish();
  };
  v1::JobFilter filter;
  filter.set_app_id("app");
  std::vector<std::string> names;
  CHECK(list(filter, &names).error_code() == grpc::StatusCode::INVALID_ARGUMENT);
  filter.set_namespace_("ns");
  CHECK(list(filter, &names).ok());
  CHECK(names == std::vector<std::string>{"a"});
  names.clear();
  filter.set_actor_type("Type");
  CHECK(list(filter, &names).ok());
  CHECK(names == std::vector<std::string>{"c"});
}

TEST_CASE("an export of many jobs comes whole") {
  RunningAdmin admin;
  std::vector<v1::ExportedJob> jobs;
  Schedule(&admin, "model");
  const v1::ExportedJob model = admin.Export().second.at(0);
  for (size_t i = 0; i < kImportBatchJobs + 1; ++i) {
    jobs.push_back(model);
    jobs.back().set_name("job-" + std::to_string(100000 + i));
  }
  const auto imported = admin.Import(jobs, v1::CONFLICT_RULE_FAIL);
  REQUIRE(imported.status.ok());
  CHECK(imported.summary.stored() == jobs.size());
  auto names = NamesOf(jobs);
  names.push_back("model");
  CHECK((NamesOf(admin.Export().second) == names));
}

TEST_CASE("the rule for conflicts decides about names that are taken") {
  RunningAdmin admin;
  Schedule(&admin, "a");
  Schedule(&admin, "b");
  std::vector<v1::ExportedJob> jobs = admin.Export().second;
  jobs.push_back(jobs[0]);
  jobs.back().set_name("c");
  REQUIRE(admin.scheduler().Delete("a", AppMetadata()).ok());
  for (v1::ExportedJob& job : jobs) job.mutable_job()->set_due_time("from the file");
  const auto due_time_of = [&](const std::string& name) {
    pb::GetJobResponse got;
    return admin.scheduler().Get(name, AppMetadata(), &got).ok() ? got.job().due_time() : "none";
  };
  SECTION("skip") {
    const auto imported = admin.Import(jobs, v1::CONFLICT_RULE_SKIP);
    CHECK(imported.summary.stored() == 2);
    CHECK(imported.summary.skipped() == 1);
    CHECK(imported.problems.empty());
    CHECK(due_time_of("b") == "24h");
    CHECK(due_time_of("c") == "from the file");
  }
  SECTION("replace") {
    const auto imported = admin.Import(jobs, v1::CONFLICT_RULE_REPLACE);
    CHECK(imported.summary.stored() == 3);
    CHECK(imported.summary.replaced() == 1);
    CHECK(due_time_of("b") == "from the file");
  }
  SECTION("fail stops exactly there") {
    const auto imported = admin.Import(jobs, v1::CONFLICT_RULE_FAIL);
    CHECK(imported.status.ok());
    CHECK(imported.summary.ended_early());
    CHECK(imported.summary.stored() == 1);
    REQUIRE(imported.problems.size() == 1);
    CHECK(imported.problems[0].line() == 2);
    CHECK(imported.problems[0].is_conflict());
    CHECK(imported.problems[0].message() == "job already exists: 'app||ns||app||b'");
    CHECK(due_time_of("a") == "from the file");
    CHECK(due_time_of("b") == "24h");
    CHECK(due_time_of("c") == "none");
  }
  SECTION("a name that stands twice is taken the second time") {
    jobs = {jobs[0], jobs[0]};
    jobs[1].mutable_job()->set_due_time("the second");
    const bool dry_run = GENERATE(false, true);
    const auto skipped = admin.Import(jobs, v1::CONFLICT_RULE_SKIP, dry_run);
    CHECK(skipped.summary.stored() == 1);
    CHECK(skipped.summary.skipped() == 1);
    CHECK(due_time_of("a") == (dry_run ? "none" : "from the file"));
    const auto replaced = admin.Import(jobs, v1::CONFLICT_RULE_REPLACE, dry_run);
    CHECK(replaced.summary.stored() == 2);
    CHECK(replaced.summary.replaced() == (dry_run ? 1 : 2));
    CHECK(due_time_of("a") == (dry_run ? "none" : "the second"));
    if (!dry_run) REQUIRE(admin.scheduler().Delete("a", AppMetadata()).ok());
    const auto failed = admin.Import(jobs, v1::CONFLICT_RULE_FAIL, dry_run);
    CHECK(failed.summary.stored() == 1);
    REQUIRE(failed.problems.size() == 1);
    CHECK(failed.problems[0].line() == 2);
  }
  SECTION("a dry run stores nothing and tells the same") {
    const auto imported = admin.Import(jobs, v1::CONFLICT_RULE_REPLACE, /*dry_run=*/true);
    CHECK(imported.summary.stored() == 3);
    CHECK(imported.summary.replaced() == 1);
    CHECK(due_time_of("a") == "none");
    CHECK(due_time_of("b") == "24h");
  }
}

TEST_CASE("a job that cannot be stored is told by line and field, and the others are stored") {
  RunningAdmin admin;
  Schedule(&admin, "a");
  const v1::ExportedJob good = admin.Export().second.at(0);
  std::vector<v1::ExportedJob> jobs(4, good);
  jobs[0].set_name("b");
  jobs[1].mutable_job()->set_schedule("61 * * * * *");
  jobs[2].clear_begin();
  jobs[3].set_name("c");
  const auto imported = admin.Import(jobs, v1::CONFLICT_RULE_SKIP);
  REQUIRE(imported.status.ok());
  REQUIRE(imported.problems.size() == 2);
  CHECK(imported.problems[0].line() == 2);
  CHECK_THAT(imported.problems[0].message(), Catch::StartsWith("schedule: "));
  CHECK(imported.problems[1].line() == 3);
  CHECK(imported.problems[1].message() == "begin: is required");
  CHECK(imported.summary.stored() == 2);
  CHECK(imported.summary.refused() == 2);
  // With the rule to fail, those before it are stored and none behind it.
  jobs[0].set_name("d");
  jobs[3].set_name("e");
  const auto failed = admin.Import(jobs, v1::CONFLICT_RULE_FAIL);
  CHECK(failed.summary.stored() == 1);
  CHECK(failed.summary.ended_early());
  CHECK(NamesOf(admin.Export().second) == std::vector<std::string>{"a", "b", "c", "d"});
}

TEST_CASE("an import must begin with its options") {
  RunningAdmin admin;
  CHECK(admin.Import({}, v1::CONFLICT_RULE_UNSPECIFIED).status.error_code() ==
        grpc::StatusCode::INVALID_ARGUMENT);
  grpc::ClientContext context;
  LimitTime(&context);
  const auto stream = admin.stub().Import(&context);
  v1::ImportRequest request;
  request.mutable_job();
  stream->Write(request);
  stream->WritesDone();
  CHECK(stream->Finish().error_code() == grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_CASE("a backup needs an absolute path and is handed on") {
  RunningAdmin admin;
  const auto backup = [&](const std::string& directory, v1::BackupResponse* response) {
    grpc::ClientContext context;
    LimitTime(&context);
    v1::BackupRequest request;
    request.set_directory(directory);
    return admin.stub().Backup(&context, request, response);
  };
  v1::BackupResponse response;
  CHECK(backup("relative", &response).error_code() == grpc::StatusCode::INVALID_ARGUMENT);
  CHECK(backup("/some/where", &response).ok());
  CHECK(response.jobs() == 7);
  CHECK(admin.backups() == std::vector<std::string>{"/some/where"});
}

TEST_CASE("the quarantine is listed") {
  RunningAdmin admin;
  Batch batch;
  batch.Put(Table::kQuarantine, QuarantineKey(Table::kJobs, "12345678"), "xyz");
  REQUIRE(admin.scheduler().store().Write(batch).ok());
  grpc::ClientContext context;
  LimitTime(&context);
  const auto reader = admin.stub().ListQuarantine(&context, v1::ListQuarantineRequest());
  v1::QuarantinedRecord record;
  REQUIRE(reader->Read(&record));
  CHECK(record.table() == "jobs");
  CHECK(record.key() == "12345678");
  CHECK(record.size() == 3);
  CHECK_FALSE(record.has_time());
  CHECK_FALSE(reader->Read(&record));
  CHECK(reader->Finish().ok());
}

TEST_CASE("who may not use the service is told so on every call") {
  RunningAdmin admin(absl::Minutes(1), [](const grpc::ServerContextBase&) {
    return grpc::Status(grpc::StatusCode::PERMISSION_DENIED, "not you");
  });
  const auto denied = grpc::StatusCode::PERMISSION_DENIED;
  CHECK(admin.Export().first.error_code() == denied);
  CHECK(admin.Import({}, v1::CONFLICT_RULE_SKIP).status.error_code() == denied);
  grpc::ClientContext backup;
  LimitTime(&backup);
  v1::BackupResponse response;
  CHECK(admin.stub().Backup(&backup, v1::BackupRequest(), &response).error_code() == denied);
  grpc::ClientContext list;
  LimitTime(&list);
  CHECK(admin.stub().ListJobs(&list, v1::ListJobsRequest())->Finish().error_code() == denied);
  grpc::ClientContext quarantine;
  LimitTime(&quarantine);
  CHECK(admin.stub()
            .ListQuarantine(&quarantine, v1::ListQuarantineRequest())
            ->Finish()
            .error_code() == denied);
  CHECK_THAT(admin.scheduler().metrics().Text(),
             Catch::Contains("dapr_scheduler_sidecar_errors_total{reason=\"auth_failed\"} 5"));
}

TEST_CASE("a client that takes nothing loses its export, and a stop ends it at once") {
  const bool stops = GENERATE(false, true);
  RunningAdmin admin(stops ? absl::Minutes(10) : absl::Milliseconds(200));
  for (int i = 0; i < 64; ++i) {
    pb::ScheduleJobRequest request = JobRequest("job-" + std::to_string(i), AppMetadata(), "24h");
    request.mutable_job()->mutable_data()->set_value(std::string(1 << 20, 'x'));
    REQUIRE(admin.scheduler().Schedule(request).ok());
  }
  grpc::ClientContext context;
  LimitTime(&context);
  const auto reader = admin.stub().Export(&context, v1::ExportRequest());
  v1::ExportResponse response;
  REQUIRE(reader->Read(&response));
  // More is on its way than fits between the two; nothing is taken until the server gave up.
  if (stops) {
    admin.Stop();
  } else {
    std::this_thread::sleep_for(std::chrono::seconds(1));
  }
  int taken = 1;
  while (reader->Read(&response)) ++taken;
  CHECK_FALSE(reader->Finish().ok());
  CHECK(taken < 64);
}

TEST_CASE("clients that never take anything leave their places to others") {
  RunningAdmin admin(absl::Seconds(3));
  for (int i = 0; i < 8; ++i) {
    pb::ScheduleJobRequest request = JobRequest("job-" + std::to_string(i), AppMetadata(), "24h");
    request.mutable_job()->mutable_data()->set_value(std::string(1 << 20, 'x'));
    REQUIRE(admin.scheduler().Schedule(request).ok());
  }
  MuteClient mute = MuteClient::ToSocket(admin.socket());
  for (int i = 0; i < 2 * kMaxAdminCalls; ++i) {
    mute.Call("/belfry.v1.Admin/Export", v1::ExportRequest());
  }
  const auto comes = [&admin](grpc::StatusCode code) {
    const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (std::chrono::steady_clock::now() < limit) {
      if (admin.Export().first.error_code() == code) return true;
    }
    return false;
  };
  REQUIRE(comes(grpc::StatusCode::RESOURCE_EXHAUSTED));
  CHECK(comes(grpc::StatusCode::OK));
}

TEST_CASE("the socket is for the owner only, and gone after the end") {
  RunningAdmin admin;
  struct stat info = {};
  REQUIRE(::stat(admin.socket().c_str(), &info) == 0);
  CHECK((info.st_mode & 07777) == 0600);
  admin.Stop();
  CHECK(::stat(admin.socket().c_str(), &info) != 0);
}

}  // namespace
}  // namespace belfry::server
