// Backups, exports and imports, between real processes.

#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <boost/json/parse.hpp>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/integration/http_app.h"
#include "tests/integration/metric.h"
#include "tests/integration/scheduler_client.h"
#include "tests/integration/scheduler_process.h"
#include "tests/integration/sidecar_process.h"

namespace belfry::integration {
namespace {

namespace fs = std::filesystem;
namespace pb = dapr::proto::scheduler::v1;

CommandResult Admin(const std::string& data_dir, std::vector<std::string> arguments) {
  arguments.push_back("--data-dir=" + data_dir);
  return RunCommand("belfry", arguments);
}

CommandResult Admin(const SchedulerProcess& scheduler, std::vector<std::string> arguments) {
  return Admin(scheduler.data_dir(), std::move(arguments));
}

// Starts a scheduler on a directory that is there.
SchedulerOptions On(const std::string& data_dir) { return {.flags = {"--data-dir=" + data_dir}}; }

void CheckOk(const CommandResult& result) {
  CHECK(result.err == "");
  CHECK(result.exit_code == 0);
}

std::string Export(const SchedulerProcess& scheduler) {
  const CommandResult result = Admin(scheduler, {"export"});
  CheckOk(result);
  return result.out;
}

std::set<std::string> Lines(const std::string& text) {
  std::set<std::string> lines;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = text.find('\n', begin);
    lines.insert(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return lines;
}

// Jobs whose counters have moved: two ticks settled, and one in the middle of its retries.
void MakeProgress(const SchedulerProcess& scheduler) {
  HttpApp app(0, [](const AppRequest& request) {
    return AppReply{request.target == "/job/fails" ? 500 : 200};
  });
  SidecarProcess sidecar({.scheduler = scheduler.address(), .app_port = app.port()});
  SchedulerClient client(scheduler.address());
  pb::Job ticks = WithText(Recurring("@every 1h"), "payload");
  ticks.set_due_time("0s");
  REQUIRE(client.Schedule("ticks", ticks).ok());
  REQUIRE(client.Schedule("fails", WithRetries(DueIn("0s"), 1000, 3600 * 1000)).ok());
  REQUIRE(app.WaitForJobs(2));
  const auto settled = [&] {
    const std::string lines = Export(scheduler);
    return lines.find(R"("count":1)") != std::string::npos &&
           lines.find(R"("attempts":1)") != std::string::npos;
  };
  CHECK(Eventually(settled));
}

TEST_CASE("a backup under load holds every job that was acknowledged, as it was") {
  SchedulerProcess scheduler;
  MakeProgress(scheduler);
  const std::set<std::string> at_rest = Lines(Export(scheduler));
  REQUIRE(at_rest.size() == 2);

  std::atomic<bool> is_over = false;
  std::atomic<int> acknowledged = 0;
  std::thread load([&] {
    SchedulerClient client(scheduler.address());
    for (int i = 0; !is_over; ++i) {
      if (client.Schedule("load-" + std::to_string(i), DueIn("24h")).ok()) acknowledged = i + 1;
    }
  });
  const TempDir dir;
  CHECK(Eventually([&] { return acknowledged > 50; }));
  const int before = acknowledged;
  const CommandResult backup = Admin(scheduler, {"admin", "backup", "--to", dir / "backup"});
  is_over = true;
  load.join();
  CheckOk(backup);
  const auto report = boost::json::parse(backup.out).as_object();
  CHECK(report.at("jobs").as_int64() >= before + 2);
  CHECK(report.at("counters").as_int64() == 2);

  const CommandResult verified = RunCommand("belfry", {"admin", "verify", dir / "backup"});
  CheckOk(verified);
  CHECK(boost::json::parse(verified.out).as_object().at("problems").as_int64() == 0);

  SchedulerProcess restored(On(dir / "backup"));
  const CommandResult exported = Admin(dir / "backup", {"export"});
  CheckOk(exported);
  const std::set<std::string> jobs = Lines(exported.out);
  CHECK(std::includes(jobs.begin(), jobs.end(), at_rest.begin(), at_rest.end()));
  SchedulerClient client(restored.address());
  const std::vector<std::string> names = client.Names();
  const std::set<std::string> found(names.begin(), names.end());
  for (int i = 0; i < before; ++i) {
    INFO("load-" << i);
    REQUIRE(found.count("load-" + std::to_string(i)) == 1);
  }
}

TEST_CASE("an export into an empty scheduler is exported again byte for byte") {
  SchedulerProcess from;
  MakeProgress(from);
  SchedulerClient client(from.address());
  REQUIRE(client.Schedule("reminder", DueIn("24h"), ActorMetadata("Type", "1")).ok());
  REQUIRE(
      client.Schedule("other", WithDrop(Recurring("0 30 9 * * MON")), AppMetadata("a", "ns")).ok());
  const std::string lines = Export(from);
  REQUIRE(Lines(lines).size() == 4);
  const TempDir dir;
  std::ofstream(dir / "jobs") << lines;

  SchedulerProcess to;
  const CommandResult dry = Admin(to, {"import", "--dry-run", dir / "jobs"});
  CheckOk(dry);
  CHECK(dry.out == R"({"dryRun":true,"stored":4,"replaced":0,"skipped":0,"refused":0})"
                   "\n");
  CHECK(Export(to) == "");
  const CommandResult imported = Admin(to, {"import", dir / "jobs"});
  CheckOk(imported);
  CHECK(imported.out == R"({"stored":4,"replaced":0,"skipped":0,"refused":0})"
                        "\n");
  CHECK(Export(to) == lines);
  CHECK(Lines(Admin(to, {"export", "--namespace=ns"}).out).size() == 1);
  CHECK(Lines(Admin(to, {"admin", "list"}).out).size() == 4);

  // Again: nothing changes unless it may.
  const CommandResult again = Admin(to, {"import", dir / "jobs"});
  CHECK(again.exit_code == 1);
  CHECK_THAT(again.err, Catch::Contains("line 1: job already exists"));
  CHECK(Admin(to, {"import", "--on-conflict=skip", dir / "jobs"}).out ==
        R"({"stored":0,"replaced":0,"skipped":4,"refused":0})"
        "\n");
  CHECK(Admin(to, {"import", "--on-conflict=replace", dir / "jobs"}).out ==
        R"({"stored":4,"replaced":4,"skipped":0,"refused":0})"
        "\n");
  CHECK(Export(to) == lines);
}

TEST_CASE("exports and imports do not hold what they carry") {
  constexpr int kJobs = 128;
  constexpr size_t kPayloadBytes = size_t{2} << 20;
  // Far less than all the payloads, which are a third larger as text.
  constexpr size_t kBytes = size_t{128} << 20;
  SchedulerProcess from;
  SchedulerClient client(from.address());
  const std::string large(kPayloadBytes, 'x');
  for (int i = 0; i < kJobs; ++i) {
    REQUIRE(client.Schedule("job-" + std::to_string(i), WithText(DueIn("9h"), large)).ok());
  }
  const auto resident = [](const SchedulerProcess& scheduler) {
    return Metric(scheduler.metrics_port(), "process_resident_memory_bytes");
  };
  const double before = resident(from);
  const TempDir dir;
  Process exporting(
      {"belfry", {"export", "--data-dir=" + from.data_dir()}, {}, dir / "jobs", dir / "err"});
  CHECK(exporting.Wait() == 0);
  CHECK(fs::file_size(dir / "jobs") > kJobs * kPayloadBytes);
  CHECK(exporting.peak_bytes() < kBytes);
  CHECK(resident(from) < before + kBytes);
  SchedulerProcess to;
  const CommandResult imported = Admin(to, {"import", dir / "jobs"});
  CheckOk(imported);
  CHECK(imported.peak_bytes < kBytes);
  // Its memory tables are the largest part.
  CHECK(resident(to) < 2 * kBytes);
}

TEST_CASE("bad lines are told by number and field, and the others are imported") {
  SchedulerProcess from;
  REQUIRE(SchedulerClient(from.address()).Schedule("job", DueIn("24h")).ok());
  const std::string line = Export(from);
  const TempDir dir;
  std::ofstream(dir / "jobs") << "{\"name\":5}\n\n"
                              << R"({"namespace":"n","appId":"a","name":"b"})"
                              << "\n"
                              << line;
  SchedulerProcess to;
  const CommandResult result = Admin(to, {"import", "--on-conflict=skip", dir / "jobs"});
  CHECK(result.exit_code == 1);
  CHECK_THAT(result.err, Catch::Contains("line 1: name: not a text"));
  CHECK_THAT(result.err, Catch::Contains("line 3: begin: is required"));
  CHECK_THAT(result.out, Catch::Contains(R"("stored":1,"replaced":0,"skipped":0,"refused":2)"));
  CHECK(Export(to) == line);
}

TEST_CASE("an input that cannot be read and a backup to nowhere are told, and change nothing") {
  SchedulerProcess scheduler;
  const TempDir dir;
  const auto rule = GENERATE("fail", "skip", "replace");
  const CommandResult imported =
      Admin(scheduler, {"import", std::string("--on-conflict=") + rule, dir.path()});
  CHECK(imported.exit_code == 1);
  CHECK_THAT(imported.err, Catch::Contains("line 1: cannot read the input: "));
  CHECK_THAT(imported.out, Catch::Contains(R"("stored":0)"));
  const CommandResult backup = Admin(scheduler, {"admin", "backup", "--to", ""});
  CHECK(backup.exit_code == 1);
  CHECK_THAT(backup.err, Catch::Contains("--to: is empty"));
}

TEST_CASE("verifying finds a byte that was flipped in a backup") {
  SchedulerProcess scheduler;
  REQUIRE(SchedulerClient(scheduler.address()).Schedule("job", DueIn("24h")).ok());
  const TempDir dir;
  CheckOk(Admin(scheduler, {"admin", "backup", "--to", dir / "backup"}));
  std::string log;
  for (const auto& entry : fs::directory_iterator(dir / "backup")) {
    if (entry.path().extension() == ".log" && entry.file_size() > 0) log = entry.path();
  }
  REQUIRE(log != "");
  {
    std::fstream file(log, std::ios::binary | std::ios::in | std::ios::out);
    file.seekg(-1, std::ios::end);
    const char last = static_cast<char>(file.get() ^ 1);
    file.seekp(-1, std::ios::end);
    file.put(last);
  }
  const CommandResult verified = RunCommand("belfry", {"admin", "verify", dir / "backup"});
  CHECK(verified.exit_code == 1);
  CHECK_THAT(verified.err, Catch::Contains("DATA_LOSS") && Catch::Contains(log));
}

TEST_CASE("the admin socket is the owner's, replaces a stale one, and a missing one is told") {
  SchedulerProcess scheduler;
  const std::string socket = scheduler.data_dir() + "/admin.sock";
  struct stat info = {};
  REQUIRE(::stat(socket.c_str(), &info) == 0);
  CHECK((info.st_mode & 07777) == 0600);
  scheduler.Kill();
  REQUIRE(fs::exists(socket));
  const CommandResult nobody = Admin(scheduler, {"admin", "quarantine"});
  CHECK(nobody.exit_code == 1);
  CHECK_THAT(nobody.err, Catch::Contains("UNAVAILABLE") && Catch::Contains(socket));
  SchedulerProcess again(On(scheduler.data_dir()));
  CheckOk(Admin(scheduler, {"admin", "quarantine"}));
  CHECK(again.Terminate() == 0);
  CHECK_FALSE(fs::exists(socket));
}

TEST_CASE("a data directory with a path too long for a socket is refused with a way out") {
  const TempDir dir;
  const std::vector<std::string> arguments = {"--port=0", "--healthz-port=0", "--metrics-port=0",
                                              "--listen-address=127.0.0.1",
                                              "--data-dir=" + (dir / std::string(120, 'x'))};
  const CommandResult refused = RunCommand("belfry-scheduler", arguments);
  CHECK(refused.exit_code == 1);
  CHECK_THAT(refused.out, Catch::Contains("at most 107") && Catch::Contains("--admin-socket"));
  SchedulerProcess scheduler({.flags = {"--admin-socket=none"}});
  CHECK_FALSE(fs::exists(scheduler.data_dir() + "/admin.sock"));
}

TEST_CASE("a list above its limit is refused, and the streamed one is pointed to") {
  SchedulerProcess scheduler({.flags = {"--max-list-bytes=2000"}});
  SchedulerClient client(scheduler.address());
  for (const char* name : {"a", "b"}) {
    REQUIRE(client.Schedule(name, WithText(DueIn("24h"), std::string(1000, 'x'))).ok());
  }
  std::vector<pb::NamedJob> jobs;
  const grpc::Status status = client.List(AppMetadata(), &jobs);
  CHECK(status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED);
  CHECK_THAT(status.error_message(), Catch::Contains("2000 bytes") &&
                                         Catch::Contains("--max-list-bytes") &&
                                         Catch::Contains("belfry admin list"));
  CHECK(Lines(Admin(scheduler, {"admin", "list"}).out).size() == 2);
}

}  // namespace
}  // namespace belfry::integration
