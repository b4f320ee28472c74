// The client library and TLS: whom it trusts, how soon it gives up, and new files.

#include <catch2/catch.hpp>
#include <chrono>
#include <memory>
#include <mutex>
#include <string>

#include "belfry/client.h"
#include "belfry/worker.h"
#include "grpcpp/security/server_credentials.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_ca.h"
#include "tests/unit/client/fake_scheduler.h"

namespace belfry {
namespace {

using Clock = std::chrono::steady_clock;

const std::string kScheduler = "spiffe://example.org/ns/belfry/scheduler";
const std::string kHost = "DNS:localhost,IP:127.0.0.1";

// An authority, a scheduler with mutual TLS, and files of a client.
struct Fixture {
  TempDir dir;
  TestCa ca;
  TestCa::Files files =
      ca.WriteFiles(dir.path(), "client", {.names = "URI:spiffe://td/ns/default/shop"});
  TlsOptions tls{files.ca, files.cert, files.key, ""};

  FakeSchedulerOptions Scheduler(const TestCertificateOptions& certificate) {
    const TestCertificate own = ca.Issue(certificate);
    grpc::SslServerCredentialsOptions options(
        GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
    options.pem_root_certs = ca.certificate_pem();
    options.pem_key_cert_pairs.push_back({own.key_pem, own.certificate_pem});
    FakeSchedulerOptions scheduler;
    scheduler.credentials = grpc::SslServerCredentials(options);
    return scheduler;
  }
};

// Calls of both kinds, those that wait for a scheduler and those that do not.
void CheckWorks(const std::string& address, const std::optional<TlsOptions>& tls) {
  const auto connection = MakeGrpcConnection({address}, tls);
  const absl::Status status = connection->ScheduleJob({}, absl::Seconds(20));
  CHECK(std::string(status.message()) == "");
  CHECK(connection->ListJobs({}, absl::Seconds(20)).ok());
}

// Fails long before its time-out, and says so.
void CheckFailsAtOnce(const std::string& address, const std::optional<TlsOptions>& tls,
                      const std::string& words) {
  const auto connection = MakeGrpcConnection({address}, tls);
  const auto start = Clock::now();
  for (const absl::Status& status : {connection->ScheduleJob({}, absl::Minutes(1)),
                                     connection->ListJobs({}, absl::Minutes(1)).status()}) {
    CHECK(status.code() == absl::StatusCode::kUnavailable);
    CHECK_THAT(std::string(status.message()), Catch::Contains(words));
  }
  CHECK(Clock::now() - start < std::chrono::seconds(15));
}

const char kTlsFailed[] = "TLS with the scheduler failed";

TEST_CASE("calls go over mutual TLS") {
  Fixture f;
  FakeScheduler scheduler(f.Scheduler({.names = kHost}));
  CheckWorks(scheduler.address(), f.tls);
}

TEST_CASE("a scheduler's certificate must name the host of the address, or what is given instead") {
  Fixture f;
  FakeScheduler scheduler(f.Scheduler({.names = "DNS:jobs.example.org,URI:" + kScheduler}));
  CheckFailsAtOnce(scheduler.address(), f.tls, kTlsFailed);
  for (const std::string& name : {std::string("jobs.example.org"), kScheduler}) {
    f.tls.server_name = name;
    CheckWorks(scheduler.address(), f.tls);
  }
  for (const std::string& name : {std::string("example.org"), kScheduler + "2"}) {
    f.tls.server_name = name;
    CheckFailsAtOnce(scheduler.address(), f.tls, kTlsFailed);
  }
}

TEST_CASE("with a SPIFFE id for a name the authority still counts") {
  Fixture f;
  Fixture other;
  FakeScheduler scheduler(other.Scheduler({.names = kHost + ",URI:" + kScheduler}));
  f.tls.server_name = GENERATE_COPY(std::string(), kScheduler);
  CheckFailsAtOnce(scheduler.address(), f.tls, kTlsFailed);
}

TEST_CASE("a scheduler whose certificate has expired is refused") {
  Fixture f;
  FakeScheduler scheduler(f.Scheduler({.names = kHost,
                                       .not_before = std::chrono::hours(-48),
                                       .not_after = std::chrono::hours(-24)}));
  CheckFailsAtOnce(scheduler.address(), f.tls, "certificate verify failed");
}

TEST_CASE("a client whose certificate is missing or refused does not wait") {
  Fixture f;
  FakeScheduler scheduler(f.Scheduler({.names = kHost}));
  SECTION("none") { f.tls.cert_file = f.tls.key_file = ""; }
  SECTION("of another authority") {
    TestCa other;
    const auto files = other.WriteFiles(f.dir.path(), "other", {});
    f.tls.cert_file = files.cert;
    f.tls.key_file = files.key;
  }
  SECTION("expired") {
    const auto files = f.ca.WriteFiles(
        f.dir.path(), "old",
        {.not_before = std::chrono::hours(-48), .not_after = std::chrono::hours(-24)});
    f.tls.cert_file = files.cert;
    f.tls.key_file = files.key;
  }
  CheckFailsAtOnce(scheduler.address(), f.tls, "it may want another certificate");
}

TEST_CASE("a scheduler that does not speak TLS is no reason to wait, nor to do without") {
  Fixture f;
  FakeScheduler scheduler;
  CheckFailsAtOnce(scheduler.address(), f.tls, kTlsFailed);
  CHECK(scheduler.unary_calls() == 0);
}

TEST_CASE("a client without TLS is told that the scheduler may want it") {
  Fixture f;
  FakeScheduler scheduler(f.Scheduler({.names = kHost}));
  const auto connection = MakeGrpcConnection({scheduler.address()});
  const absl::Status status = connection->ListJobs({}, absl::Minutes(1)).status();
  CHECK_THAT(std::string(status.message()), Catch::Contains("it may want TLS"));
}

TEST_CASE("while nobody listens, calls that wait go on waiting with TLS too") {
  Fixture f;
  const auto connection = MakeGrpcConnection({"127.0.0.1:1"}, f.tls);
  CHECK(connection->ScheduleJob({}, absl::Milliseconds(500)).code() ==
        absl::StatusCode::kDeadlineExceeded);
}

TEST_CASE("files that cannot be used are named by every call, until they can") {
  Fixture f;
  FakeScheduler scheduler(f.Scheduler({.names = kHost}));
  f.tls.ca_file = f.dir / "later";
  const auto connection = MakeGrpcConnection({scheduler.address()}, f.tls);
  for (const absl::Status& status : {CheckTls(f.tls), connection->ScheduleJob({}, absl::Minutes(1)),
                                     connection->ListJobs({}, absl::Minutes(1)).status()}) {
    CHECK(status.code() == absl::StatusCode::kFailedPrecondition);
    CHECK_THAT(std::string(status.message()), Catch::Contains(f.tls.ca_file));
  }
  WriteTextFile(f.tls.ca_file, f.ca.certificate_pem());
  CHECK(CheckTls(f.tls).ok());
  CHECK(connection->ScheduleJob({}, absl::Seconds(20)).ok());
}

TEST_CASE("calls after a change of the files use what is in them") {
  Fixture f;
  FakeScheduler scheduler(f.Scheduler({.names = kHost}));
  const auto connection = MakeGrpcConnection({scheduler.address()}, f.tls);
  REQUIRE(connection->ListJobs({}, absl::Seconds(20)).ok());
  TestCa other;
  WriteTextFile(f.files.ca, other.certificate_pem());
  CHECK_FALSE(connection->ListJobs({}, absl::Seconds(20)).ok());
  WriteTextFile(f.files.ca, f.ca.certificate_pem() + other.certificate_pem());
  CHECK(connection->ListJobs({}, absl::Seconds(20)).ok());
}

TEST_CASE("a server's name that can be none is refused") {
  Fixture f;
  f.tls.server_name = GENERATE(as<std::string>(), "spiffe://", "a b", "a,b");
  CHECK(CheckTls(f.tls).code() == absl::StatusCode::kInvalidArgument);
}

TEST_CASE("a worker receives over TLS") {
  Fixture f;
  FakeScheduler scheduler(f.Scheduler({.names = kHost}));
  WorkerOptions options;
  options.addresses = {scheduler.address()};
  options.app_id = "shop";
  options.tls = f.tls;
  Worker worker(options, [](auto, Worker::Done done) { done(TriggerResult::kSuccess); });
  worker.Start();
  scheduler.WaitUntil([&] { return scheduler.streams() == 3; });
  REQUIRE(scheduler.Send(0, 1, "tidy"));
  scheduler.WaitUntil([&] { return scheduler.results().size() == 1; });
  worker.Stop();
}

TEST_CASE("a worker tells that TLS fails, and for which file") {
  Fixture f;
  FakeScheduler scheduler(f.Scheduler({.names = kHost}));
  std::string words = kTlsFailed;
  SECTION("without a certificate") { f.tls.cert_file = f.tls.key_file = ""; }
  SECTION("without a file") { words = f.tls.ca_file = f.dir / "missing"; }
  WorkerOptions options;
  options.addresses = {scheduler.address()};
  options.app_id = "shop";
  options.tls = f.tls;
  std::mutex mutex;
  std::string told;
  options.on_error = [&](const std::string&, const absl::Status& status) {
    const std::lock_guard lock(mutex);
    told = std::string(status.message());
  };
  Worker worker(options, [](auto, Worker::Done done) { done(TriggerResult::kSuccess); });
  worker.Start();
  scheduler.WaitUntil([&] {
    const std::lock_guard lock(mutex);
    return told.find(words) != std::string::npos;
  });
  worker.Stop();
  CHECK(scheduler.opened_streams() == 0);
}

}  // namespace
}  // namespace belfry
