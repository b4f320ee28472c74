// Certificates that are renewed while everything goes on.

#include <atomic>
#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "grpc/grpc_security_constants.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"
#include "tests/integration/eventually.h"
#include "tests/integration/http_app.h"
#include "tests/integration/scheduler_client.h"
#include "tests/integration/scheduler_process.h"
#include "tests/integration/sidecar_process.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_ca.h"

namespace belfry::integration {
namespace {

namespace wire = dapr::proto::scheduler::v1;

const TestCertificateOptions kServer = {.names = "DNS:localhost,IP:127.0.0.1"};
const TestCertificateOptions kApp = {.names = "URI:spiffe://example.org/ns/default/app"};

// Calls on connections of their own, each beginning with a handshake. Thread safety: constant after
// construction.
class NewConnections {
 public:
  NewConnections(std::string address, const std::string& trusted, const TestCertificate& own)
      : address_(std::move(address)), trusted_(trusted), own_(own) {}

  // Schedules a job. `shown` receives the certificate that the scheduler showed.
  grpc::Status Schedule(const std::string& name, std::string* shown) const {
    grpc::SslCredentialsOptions options{trusted_, own_.key_pem, own_.certificate_pem};
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    const auto stub = wire::Scheduler::NewStub(
        grpc::CreateCustomChannel(address_, grpc::SslCredentials(options), arguments));
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + kWaitLimit);
    wire::ScheduleJobRequest request;
    request.set_name(name);
    *request.mutable_metadata() = AppMetadata();
    *request.mutable_job() = DueIn("0s");
    wire::ScheduleJobResponse response;
    const grpc::Status status = stub->ScheduleJob(&context, request, &response);
    if (!status.ok()) return status;
    const auto pem = context.auth_context()->FindPropertyValues(GRPC_X509_PEM_CERT_PROPERTY_NAME);
    if (pem.size() == 1) shown->assign(pem[0].data(), pem[0].size());
    return status;
  }

 private:
  const std::string address_;
  const std::string trusted_;
  const TestCertificate own_;
};

// A thread that schedules jobs one after the other until it is told to stop.
class Load {
 public:
  Load(const NewConnections& connections, std::string prefix)
      : thread_([this, &connections, prefix = std::move(prefix)] {
          while (!stop_) {
            std::string shown;
            const auto status =
                connections.Schedule(prefix + std::to_string(scheduled_.load()), &shown);
            if (!status.ok()) {
              error_ = status.error_message();
              return;
            }
            ++scheduled_;
          }
        }) {}
  ~Load() { Stop(); }

  void Stop() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
  }
  int scheduled() const { return scheduled_; }
  // What went wrong; empty if nothing did. REQUIRES: stopped.
  const std::string& error() const { return error_; }

 private:
  std::atomic<bool> stop_ = false;
  std::atomic<int> scheduled_ = 0;
  std::string error_;
  std::thread thread_;
};

TEST_CASE("files that are replaced under load fail no call, and new connections see them") {
  constexpr int kRenewals = 5;
  constexpr int kJobsBetween = 5;
  const TempDir dir;
  TestCa ca;
  const TestCa::Files server = ca.WriteFiles(dir.path(), "server", kServer);
  const TestCa::Files app_files = ca.WriteFiles(dir.path(), "app", kApp);
  SchedulerProcess scheduler({.flags = server.Flags()});
  HttpApp app;
  SidecarProcess sidecar(
      {.scheduler = scheduler.address(), .app_port = app.port(), .flags = app_files.Flags()});
  const NewConnections connections(scheduler.address(), ca.certificate_pem(), ca.Issue(kApp));
  Load first(connections, "first-");
  Load second(connections, "second-");

  int by_sidecar = 0;
  for (int i = 0; i < kRenewals; ++i) {
    const int before = first.scheduled() + second.scheduled();
    // One after the other, so that for a moment they do not fit together.
    const TestCertificate next = ca.Issue(kServer);
    WriteTextFile(server.cert, next.certificate_pem);
    WriteTextFile(server.key, next.key_pem);
    std::string shown;
    REQUIRE(connections.Schedule("renewal-" + std::to_string(i), &shown).ok());
    CHECK(shown == next.certificate_pem);
    // The sidecar's own certificate as well.
    ca.WriteFiles(dir.path(), "app", kApp);
    CHECK(sidecar
              .Http("POST", "/v1.0/jobs/by-sidecar-" + std::to_string(by_sidecar++),
                    R"({"dueTime":"0s"})")
              .status == 204);
    REQUIRE(Eventually(
        [&] { return first.scheduled() + second.scheduled() >= before + kJobsBetween; }));
  }
  first.Stop();
  second.Stop();
  CHECK(first.error() == "");
  CHECK(second.error() == "");
  const int jobs = first.scheduled() + second.scheduled() + kRenewals + by_sidecar;
  CHECK(app.WaitForJobs(static_cast<size_t>(jobs)));
}

TEST_CASE("an authority is exchanged without a restart") {
  const TempDir dir;
  TestCa old_ca;
  TestCa new_ca;
  const TestCa::Files server = old_ca.WriteFiles(dir.path(), "server", kServer);
  const TestCa::Files app_files = old_ca.WriteFiles(dir.path(), "app", kApp);
  SchedulerProcess scheduler({.flags = server.Flags()});
  SidecarProcess sidecar({.scheduler = scheduler.address(), .flags = app_files.Flags()});
  int jobs = 0;
  const auto schedules = [&] {
    return sidecar.Http("POST", "/v1.0/jobs/job-" + std::to_string(jobs++), R"({"dueTime":"1h"})")
               .status == 204;
  };
  CHECK(schedules());
  // Both are trusted for a time; meanwhile each side gets a certificate of the new one.
  const std::string both = old_ca.certificate_pem() + new_ca.certificate_pem();
  WriteTextFile(server.ca, both);
  WriteTextFile(app_files.ca, both);
  CHECK(schedules());
  const TestCertificate next_server = new_ca.Issue(kServer);
  WriteTextFile(server.key, next_server.key_pem);
  WriteTextFile(server.cert, next_server.certificate_pem);
  const TestCertificate next_app = new_ca.Issue(kApp);
  WriteTextFile(app_files.key, next_app.key_pem);
  WriteTextFile(app_files.cert, next_app.certificate_pem);
  CHECK(schedules());
  WriteTextFile(server.ca, new_ca.certificate_pem());
  WriteTextFile(app_files.ca, new_ca.certificate_pem());
  CHECK(schedules());

  std::string shown;
  const NewConnections old_client(scheduler.address(), new_ca.certificate_pem(),
                                  old_ca.Issue(kApp));
  CHECK_FALSE(old_client.Schedule("old", &shown).ok());
  const NewConnections new_client(scheduler.address(), new_ca.certificate_pem(),
                                  new_ca.Issue(kApp));
  CHECK(new_client.Schedule("new", &shown).ok());
  CHECK(shown == next_server.certificate_pem);
}

}  // namespace
}  // namespace belfry::integration
