// Scheduler, sidecar and command line over TLS, with certificates of an authority made for the
// test.

#include <catch2/catch.hpp>
#include <chrono>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "tests/integration/http_app.h"
#include "tests/integration/scheduler_process.h"
#include "tests/integration/sidecar_process.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_ca.h"

namespace belfry::integration {
namespace {

using Flags = std::vector<std::string>;

const std::string kAdmin = "spiffe://example.org/ops/alice";
// Long before any call's own time-out of 30 s.
constexpr std::chrono::seconds kAtOnce{15};

Flags And(Flags flags, const Flags& more) {
  flags.insert(flags.end(), more.begin(), more.end());
  return flags;
}

std::string IdOf(const std::string& ns, const std::string& app_id) {
  return "URI:spiffe://example.org/ns/" + ns + "/" + app_id;
}

struct Pki {
  TempDir dir;
  TestCa ca;

  TestCa::Files Make(const std::string& name, const TestCertificateOptions& options) {
    return ca.WriteFiles(dir.path(), name, options);
  }
  TestCa::Files Server() { return Make("server", {.names = "DNS:localhost,IP:127.0.0.1"}); }
  TestCa::Files App(const std::string& ns, const std::string& app_id) {
    return Make(ns + "-" + app_id, {.names = IdOf(ns, app_id)});
  }
};

CommandResult Belfry(const SchedulerProcess& scheduler, const Flags& flags, const Flags& command) {
  return RunCommand("belfry", And(And({"--address=" + scheduler.address()}, flags), command));
}

void CheckFailsAtOnce(const SchedulerProcess& scheduler, const Flags& flags,
                      const std::string& words) {
  for (const Flags& command :
       {Flags{"schedule", "j", "--due-time=1h", "--app-id=app"}, Flags{"list", "--app-id=app"}}) {
    const auto start = std::chrono::steady_clock::now();
    const CommandResult result = Belfry(scheduler, flags, command);
    CHECK(std::chrono::steady_clock::now() - start < kAtOnce);
    CHECK(result.exit_code == 1);
    CHECK_THAT(result.err, Catch::Contains(words));
    // One line.
    CHECK(result.err.find('\n') == result.err.size() - 1);
  }
}

TEST_CASE("with mutual TLS only listed identities administer, from anywhere") {
  Pki pki;
  SchedulerProcess scheduler(
      {.flags = And(pki.Server().Flags(), {"--admin-identities=" + kAdmin})});
  const Flags cart = And(pki.App("shop", "cart").Flags(), {"--namespace=shop", "--app-id=cart"});
  REQUIRE(Belfry(scheduler, cart, {"schedule", "later", "--due-time=1h"}).exit_code == 0);

  const Flags alice = pki.Make("alice", {.names = "URI:" + kAdmin}).Flags();
  const CommandResult exported = Belfry(scheduler, alice, {"export"});
  CHECK(exported.exit_code == 0);
  CHECK_THAT(exported.out, Catch::Contains("\"later\""));
  CHECK(Belfry(scheduler, alice, {"admin", "quarantine"}).exit_code == 0);

  const Flags app = pki.App("shop", "cart").Flags();
  for (const Flags& command : {Flags{"export"}, Flags{"admin", "list"}}) {
    const CommandResult refused = Belfry(scheduler, app, command);
    CHECK(refused.exit_code == 1);
    CHECK(refused.out.empty());
    CHECK_THAT(refused.err, Catch::Contains("--admin-identities"));
  }
}

TEST_CASE("with mutual TLS a job goes all the way, with the reference's flags besides") {
  Pki pki;
  SchedulerProcess scheduler(
      {.flags = And(pki.Server().Flags(), {"--admin-identities=" + kAdmin, "--tls-enabled",
                                           "--mode=kubernetes", "--sentry-address=sentry:443"})});
  HttpApp app;
  const Flags own = pki.App("shop", "cart").Flags();
  SidecarProcess sidecar({.scheduler = scheduler.address(),
                          .app_id = "cart",
                          .ns = "shop",
                          .app_port = app.port(),
                          .flags = And(own, {"--enable-mtls", "--sentry-address=sentry:443"})});
  CHECK(sidecar.Http("POST", "/v1.0/jobs/now", R"({"dueTime":"0s","data":1})").status == 204);
  REQUIRE(app.WaitForJobs(1));
  CHECK(app.jobs()[0].body == "1");

  const Flags cart = {"--namespace=shop", "--app-id=cart"};
  CHECK(Belfry(scheduler, And(own, cart), {"schedule", "later", "--due-time=1h"}).exit_code == 0);
  CHECK(sidecar.Http("GET", "/v1.0/jobs/later").status == 200);
  CHECK_THAT(Belfry(scheduler, And(own, cart), {"list"}).out, Catch::Contains("\"later\""));

  const Flags alice = pki.Make("alice", {.names = "URI:" + kAdmin}).Flags();
  CHECK_THAT(Belfry(scheduler, And(alice, cart), {"list"}).out, Catch::Contains("\"later\""));
  CHECK(Belfry(scheduler, And(alice, cart), {"delete", "later"}).exit_code == 0);
  CHECK(Belfry(scheduler, And(alice, {"--namespace=any", "--app-id=any"}), {"list"}).exit_code ==
        0);
}

TEST_CASE("without CAs on the scheduler, clients need to trust it and nothing else") {
  Pki pki;
  const TestCa::Files server = pki.Server();
  SchedulerProcess scheduler(
      {.flags = {"--tls-cert-file=" + server.cert, "--tls-key-file=" + server.key}});
  HttpApp app;
  const Flags trust = {"--tls-ca-file=" + server.ca};
  SidecarProcess sidecar(
      {.scheduler = scheduler.address(), .app_port = app.port(), .flags = trust});
  CHECK(Belfry(scheduler, trust, {"schedule", "j", "--due-time=0s", "--app-id=app"}).exit_code ==
        0);
  CHECK(app.WaitForJobs(1));
  const CommandResult admin = Belfry(scheduler, trust, {"export"});
  CHECK(admin.exit_code == 1);
  CHECK_THAT(admin.err, Catch::Contains("only with mutual TLS"));
  // Those of the system do not contain this one's authority.
  CheckFailsAtOnce(scheduler, {"--tls-server-name=localhost"}, "certificate verify failed");
  // A call without TLS waits, as it does for a scheduler that is away, and then says why.
  const CommandResult plain = Belfry(scheduler, {"--timeout=300ms"}, {"get", "j", "--app-id=app"});
  CHECK(plain.exit_code == 1);
  CHECK_THAT(plain.err, Catch::Contains("within 300ms: the scheduler hung up, it may want TLS"));
}

TEST_CASE("a sidecar with another app's certificate is refused, and told why") {
  Pki pki;
  SchedulerProcess scheduler({.flags = pki.Server().Flags()});
  const auto [ns, app_id] = GENERATE(table<std::string, std::string>(
      {{"shop", "cart2"}, {"shop", "car"}, {"shop-1", "cart"}, {"default", "cart"}}));
  CAPTURE(ns, app_id);
  SidecarProcess sidecar({.scheduler = scheduler.address(),
                          .app_id = "cart",
                          .ns = "shop",
                          .flags = pki.App(ns, app_id).Flags()});
  const HttpResponse response = sidecar.Http("POST", "/v1.0/jobs/j", R"({"dueTime":"1h"})");
  CHECK(response.status == 403);
  CHECK_THAT(response.body, Catch::Contains("identity does not match request"));
  // Its streams are refused as well.
  const auto metrics = [&] { return Http(scheduler.metrics_port(), "GET", "/metrics").body; };
  CHECK(Eventually([&] {
    const std::string text = metrics();
    const std::string refused = "\ndapr_scheduler_sidecar_errors_total{reason=\"auth_failed\"} ";
    return text.find(refused) != std::string::npos &&
           text.find(refused + "1\n") == std::string::npos;
  }));
  CHECK(metrics().find("\ndapr_scheduler_sidecars_connected ") == std::string::npos);
}

TEST_CASE("a sidecar whose certificate is not accepted answers at once, and says so") {
  Pki pki;
  const TestCa::Files server = pki.Server();
  SchedulerProcess scheduler({.flags = server.Flags()});
  SidecarProcess sidecar({.scheduler = scheduler.address(),
                          .flags = {"--tls-ca-file=" + server.ca},
                          .wait_until_healthy = false});
  const auto start = std::chrono::steady_clock::now();
  const HttpResponse response = sidecar.Http("POST", "/v1.0/jobs/j", R"({"dueTime":"1h"})");
  CHECK(std::chrono::steady_clock::now() - start < kAtOnce);
  CHECK(response.status == 503);
  CHECK_THAT(response.body, Catch::Contains("TLS with the scheduler failed"));
  CHECK_FALSE(sidecar.IsHealthy());
}

TEST_CASE("the command line says at once that a certificate is not accepted") {
  Pki pki;
  TestCa other;
  SchedulerProcess scheduler({.flags = pki.Server().Flags()});
  const std::string app = IdOf("default", "app");
  const TestCa::Files own = pki.Make("own", {.names = app});
  const std::string hung_up = "it may want another certificate";
  CheckFailsAtOnce(scheduler, {"--tls-ca-file=" + own.ca}, hung_up);
  TestCa::Files others = other.WriteFiles(pki.dir.path(), "others", {.names = app});
  CheckFailsAtOnce(scheduler, others.Flags(), "certificate verify failed");
  others.ca = own.ca;
  CheckFailsAtOnce(scheduler, others.Flags(), hung_up);
  CheckFailsAtOnce(scheduler,
                   pki.Make("old", {.names = app,
                                    .not_before = std::chrono::hours(-48),
                                    .not_after = std::chrono::hours(-24)})
                       .Flags(),
                   hung_up);
  CheckFailsAtOnce(scheduler, And(own.Flags(), {"--tls-server-name=elsewhere"}),
                   "not in peer certificate");
  CheckFailsAtOnce(scheduler, pki.App("default", "app2").Flags(), "PERMISSION_DENIED");
  CheckFailsAtOnce(scheduler, pki.App("other", "app").Flags(), "PERMISSION_DENIED");
  CheckFailsAtOnce(scheduler, pki.Make("nobody", {}).Flags(), "UNAUTHENTICATED");
}

TEST_CASE("the environment gives the command line its certificate") {
  Pki pki;
  SchedulerProcess scheduler({.flags = pki.Server().Flags()});
  const TestCa::Files own = pki.App("default", "app");
  const CommandResult result =
      RunCommand("belfry", {"list", "--app-id=app", "--address=" + scheduler.address()},
                 {{"BELFRY_TLS_CERT_FILE", own.cert},
                  {"BELFRY_TLS_KEY_FILE", own.key},
                  {"BELFRY_TLS_CA_FILE", own.ca}});
  CHECK(result.err == "");
  CHECK(result.exit_code == 0);
}

TEST_CASE("a file that will not do ends the start of each program, and is named") {
  Pki pki;
  const TestCa::Files own = pki.Server();
  const TestCa::Files others = pki.Make("others", {});
  const std::string missing = pki.dir / "missing";
  // The files, and which of them the programs are to complain of.
  const auto [files, culprit] = [&]() -> std::pair<TestCa::Files, std::string> {
    switch (GENERATE(range(0, 6))) {
      case 0:
        return {{missing, own.key, own.ca}, missing};
      case 1:
        return {{own.cert, missing, own.ca}, missing};
      case 2:
        return {{own.cert, own.key, missing}, missing};
      case 3:
        return {{own.cert, others.key, own.ca}, others.key};
      case 4:
        return {{own.key, own.key, own.ca}, own.key};
      default:
        return {{own.cert, own.key, own.key}, own.key};
    }
  }();
  CAPTURE(files.cert, files.key, files.ca);
  const Flags flags = files.Flags();
  const CommandResult scheduler =
      RunCommand("belfry-scheduler",
                 And(flags, {"--port=0", "--healthz-port=0", "--metrics-port=0",
                             "--listen-address=127.0.0.1", "--data-dir=" + (pki.dir / "data")}));
  CHECK(scheduler.exit_code == 1);
  CHECK_THAT(scheduler.out + scheduler.err, Catch::Contains(culprit));
  CHECK_FALSE(std::filesystem::exists(pki.dir / "data"));
  const CommandResult sidecar =
      RunCommand("belfry-sidecar", And(flags, {"--app-id=app", "--dapr-http-port=0",
                                               "--dapr-grpc-port=0", "--enable-metrics=false"}));
  CHECK(sidecar.exit_code == 1);
  CHECK_THAT(sidecar.out + sidecar.err, Catch::Contains(culprit));
  const CommandResult cli = RunCommand("belfry", And(flags, {"list", "--app-id=app"}));
  CHECK(cli.exit_code == 2);
  CHECK_THAT(cli.err, Catch::Contains(culprit));
}

}  // namespace
}  // namespace belfry::integration
