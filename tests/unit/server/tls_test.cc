// TLS and authorization, with certificates of an authority made for the test.

#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <catch2/catch.hpp>

#include "grpc/grpc_security.h"
#include "grpc/grpc_security_constants.h"
#include "grpcpp/security/credentials.h"
#include "server/certificates.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_ca.h"
#include "tests/unit/server/running_server.h"

namespace belfry::server {
namespace {

const std::string kApp = "URI:spiffe://example.org/ns/ns/app";
const std::string kAdmin = "spiffe://example.org/ops/alice";

// A server with certificates from files, and a client that trusts their authority.
class TlsServer {
 public:
  // `mutual` is whether clients must show a certificate.
  explicit TlsServer(bool mutual = true)
      : files_(ca_.WriteFiles(dir_.path(), "server", {.names = "DNS:localhost,IP:127.0.0.1"})),
        certificates_(Load(mutual)),
        server_(mutual ? Access::MutualTls({kAdmin}) : Access(), certificates_->NewCredentials()) {}

  // What a client with a certificate for these names dials with; without names it has none.
  std::shared_ptr<grpc::ChannelCredentials> Client(const TestCertificateOptions& options) {
    return ClientOf(ca_.Issue(options));
  }
  std::shared_ptr<grpc::ChannelCredentials> ClientOf(const TestCertificate& certificate) const {
    grpc::SslCredentialsOptions ssl;
    ssl.pem_root_certs = ca_.certificate_pem();
    ssl.pem_cert_chain = certificate.certificate_pem;
    ssl.pem_private_key = certificate.key_pem;
    return grpc::SslCredentials(ssl);
  }

  // The certificate that the server shows to a new connection of an app's.
  std::string ShownCertificate() {
    const auto stub = server_.NewStub(Client({.names = kApp}));
    grpc::ClientContext context;
    LimitTime(&context);
    pb::ListJobsRequest request;
    *request.mutable_metadata() = AppMetadata();
    pb::ListJobsResponse response;
    REQUIRE(stub->ListJobs(&context, request, &response).ok());
    const auto pems = context.auth_context()->FindPropertyValues(GRPC_X509_PEM_CERT_PROPERTY_NAME);
    REQUIRE(pems.size() == 1);
    return std::string(pems[0].data(), pems[0].size());
  }

  // New files for the server, which must not be read half done.
  TestCertificate Replace() {
    TestCertificate next = ca_.Issue({.names = "DNS:localhost,IP:127.0.0.1"});
    WriteTextFile(files_.key, next.key_pem);
    WriteTextFile(files_.cert, next.certificate_pem);
    return next;
  }

  RunningServer& server() { return server_; }
  TestCa& ca() { return ca_; }
  const TestCa::Files& files() const { return files_; }
  FakeClock& clock() { return clock_; }
  Certificates& certificates() { return *certificates_; }

 private:
  std::unique_ptr<Certificates> Load(bool mutual) {
    auto loaded =
        Certificates::Load({files_.cert, files_.key, mutual ? files_.ca : std::string()}, &clock_);
    REQUIRE(loaded.ok());
    return *std::move(loaded);
  }

  TempDir dir_;
  TestCa ca_;
  FakeClock clock_{absl::Now()};
  const TestCa::Files files_;
  const std::unique_ptr<Certificates> certificates_;
  RunningServer server_;
};

// The sessions of a client that resumes them.
class SessionCache {
 public:
  SessionCache() : cache_(grpc_ssl_session_cache_create_lru(4)) {}
  ~SessionCache() { grpc_ssl_session_cache_destroy(cache_); }
  SessionCache(const SessionCache&) = delete;
  SessionCache& operator=(const SessionCache&) = delete;

  grpc::ChannelArguments arguments() const {
    const grpc_arg argument = grpc_ssl_session_cache_create_channel_arg(cache_);
    grpc::ChannelArguments arguments;
    arguments.SetPointerWithVtable(argument.key, argument.value.pointer.p,
                                   argument.value.pointer.vtable);
    // Sessions are kept by the name of the server.
    arguments.SetSslTargetNameOverride("localhost");
    return arguments;
  }

 private:
  grpc_ssl_session_cache* const cache_;
};

// What becomes of a watcher's first message.
grpc::Status Watch(const RunningServer& server,
                   const std::shared_ptr<grpc::ChannelCredentials>& credentials,
                   const std::string& ns, const std::string& app_id) {
  const auto stub = server.NewStub(credentials);
  grpc::ClientContext context;
  LimitTime(&context);
  const auto stream = stub->WatchJobs(&context);
  pb::WatchJobsRequest first;
  first.mutable_initial()->set_namespace_(ns);
  first.mutable_initial()->set_app_id(app_id);
  stream->Write(first);
  // One that is accepted ends well.
  stream->WritesDone();
  pb::WatchJobsResponse trigger;
  while (stream->Read(&trigger)) {
  }
  return stream->Finish();
}

// Every RPC that is about an app, as its caller sees it.
std::vector<grpc::Status> CallAll(RunningServer* server,
                                  const std::shared_ptr<grpc::ChannelCredentials>& credentials,
                                  const std::string& ns, const std::string& app_id) {
  server->CallAs(credentials);
  const pb::JobMetadata metadata = AppMetadata(app_id, ns);
  pb::ScheduleJobRequest schedule = JobRequest("j", metadata, "25h");
  schedule.set_overwrite(true);
  pb::GetJobResponse got;
  return {server->Schedule(schedule),
          server->Get("j", metadata, &got),
          server->List(metadata).first,
          server->Delete("j", metadata),
          server->DeleteByMetadata(metadata, true),
          server->DeleteByNamePrefix(metadata, ""),
          Watch(*server, credentials, ns, app_id)};
}

void CheckAllRefused(const std::vector<grpc::Status>& statuses, grpc::StatusCode code,
                     const std::string& message, const std::string& message_of_prefixes) {
  for (size_t i = 0; i < statuses.size(); ++i) {
    CAPTURE(i);
    const bool is_prefix = i == 4 || i == 5;
    CHECK(statuses[i].error_code() == code);
    CHECK(statuses[i].error_message() == (is_prefix ? message_of_prefixes : message));
  }
}

bool WatchesHosts(const RunningServer& server,
                  const std::shared_ptr<grpc::ChannelCredentials>& credentials,
                  const grpc::ChannelArguments& arguments = {}) {
  const auto stub = server.NewStub(credentials, arguments);
  grpc::ClientContext context;
  LimitTime(&context);
  const auto reader = stub->WatchHosts(&context, {});
  pb::WatchHostsResponse response;
  const bool got = reader->Read(&response);
  context.TryCancel();
  reader->Finish();
  return got;
}

TEST_CASE("an app may do everything with its own jobs, and an admin with everybody's") {
  TlsServer tls;
  for (const grpc::Status& status :
       CallAll(&tls.server(), tls.Client({.names = kApp, .key_type = "ED25519"}), "ns", "app")) {
    CHECK(status.error_message() == "");
  }
  for (const std::string app : {"app", "another"}) {
    for (const grpc::Status& status :
         CallAll(&tls.server(), tls.Client({.names = "URI:" + kAdmin}), "any", app)) {
      CHECK(status.error_message() == "");
    }
  }
}

TEST_CASE("another app's jobs, and those of another namespace, are out of reach") {
  TlsServer tls;
  const std::string name =
      GENERATE(as<std::string>(), "URI:spiffe://example.org/ns/ns/app2",
               "URI:spiffe://example.org/ns/ns-1/app", "URI:spiffe://example.org/ns/n/app");
  CheckAllRefused(CallAll(&tls.server(), tls.Client({.names = name}), "ns", "app"),
                  grpc::StatusCode::PERMISSION_DENIED, "identity does not match request",
                  "failed to parse metadata: rpc error: code = PermissionDenied desc = identity "
                  "does not match request");
  CHECK(tls.server().HasSample("dapr_scheduler_sidecar_errors_total{reason=\"auth_failed\"}", "7"));
}

TEST_CASE("a certificate that names no app may do nothing but ask for hosts") {
  TlsServer tls;
  const std::string name = GENERATE(as<std::string>(), "", "DNS:app.example.org",
                                    "URI:https://example.org/ns/ns/app", kApp + "," + kApp);
  const auto client = tls.Client({.names = name});
  CheckAllRefused(CallAll(&tls.server(), client, "ns", "app"), grpc::StatusCode::UNAUTHENTICATED,
                  "failed to get identity from context",
                  "failed to parse metadata: rpc error: code = Unauthenticated desc = failed to "
                  "get identity from context");
  CHECK(WatchesHosts(tls.server(), client));
}

TEST_CASE("a request without namespace or app is refused before the identity is looked at") {
  TlsServer tls;
  const std::string message = "missing namespace or appID in request";
  CheckAllRefused(CallAll(&tls.server(), tls.Client({.names = kApp}), "ns", ""),
                  grpc::StatusCode::INVALID_ARGUMENT, message,
                  "failed to parse metadata: " + message);
}

TEST_CASE("who is refused learns nothing of the target and changes nothing") {
  TlsServer tls;
  tls.server().CallAs(tls.Client({.names = kApp}));
  REQUIRE(tls.server().Schedule(JobRequest("j", AppMetadata(), "25h")).ok());
  tls.server().CallAs(tls.Client({.names = "URI:spiffe://example.org/ns/ns/app2"}));
  pb::JobMetadata no_target = AppMetadata();
  no_target.clear_target();
  CHECK(tls.server().DeleteByMetadata(no_target, false).error_code() ==
        grpc::StatusCode::PERMISSION_DENIED);
  CHECK(tls.server().DeleteByNamePrefix(AppMetadata(), "").error_code() ==
        grpc::StatusCode::PERMISSION_DENIED);
  tls.server().CallAs(tls.Client({.names = kApp}));
  CHECK(tls.server().List(AppMetadata()).second == std::vector<std::string>{"j"});
}

TEST_CASE("no connection without a valid certificate of the right authority") {
  TlsServer tls;
  TestCa other;
  const std::vector<std::shared_ptr<grpc::ChannelCredentials>> clients = {
      grpc::InsecureChannelCredentials(), tls.ClientOf({}),
      tls.ClientOf(other.Issue({.names = kApp})),
      tls.Client({.names = kApp,
                  .not_before = std::chrono::hours(-48),
                  .not_after = std::chrono::hours(-24)}),
      tls.Client({.names = kApp,
                  .not_before = std::chrono::hours(24),
                  .not_after = std::chrono::hours(48)})};
  for (const auto& client : clients) {
    tls.server().CallAs(client);
    CHECK(tls.server().List(AppMetadata()).first.error_code() == grpc::StatusCode::UNAVAILABLE);
    CHECK_FALSE(WatchesHosts(tls.server(), client));
  }
  CHECK(WatchesHosts(tls.server(), tls.Client({.names = kApp})));
}

TEST_CASE("a resumed session is worth no more than its certificate") {
  TlsServer tls;
  SessionCache cache;
  const auto client = tls.Client({.names = kApp, .not_after = std::chrono::hours(1)});
  const auto list = [&] {
    const auto stub = tls.server().NewStub(client, cache.arguments());
    grpc::ClientContext context;
    LimitTime(&context);
    pb::ListJobsRequest request;
    *request.mutable_metadata() = AppMetadata();
    pb::ListJobsResponse response;
    const grpc::Status status = stub->ListJobs(&context, request, &response);
    const auto reused =
        context.auth_context()->FindPropertyValues(GRPC_SSL_SESSION_REUSED_PROPERTY);
    REQUIRE(reused.size() == 1);
    return std::pair{status, reused[0] == "true"};
  };
  CHECK(list().first.ok());
  const auto [status, reused] = list();
  CHECK(reused);
  CHECK(status.ok());
  tls.clock().Advance(absl::Hours(2));
  const auto [later, still_reused] = list();
  CHECK(still_reused);
  CHECK(later.error_code() == grpc::StatusCode::UNAUTHENTICATED);
  CHECK_THAT(later.error_message(), Catch::Contains("expired"));
  CHECK_FALSE(WatchesHosts(tls.server(), client, cache.arguments()));
}

TEST_CASE("without CAs clients need no certificate, and one that they have does not matter") {
  TlsServer tls(false);
  for (const auto& client :
       {tls.ClientOf({}), tls.Client({.names = "URI:spiffe://example.org/ns/other/one"})}) {
    for (const grpc::Status& status : CallAll(&tls.server(), client, "ns", "app")) {
      CHECK(status.error_message() == "");
    }
  }
}

TEST_CASE("connections after a change of the files see the new certificate, open ones go on") {
  TlsServer tls;
  const std::string before = tls.ShownCertificate();
  tls.server().CallAs(tls.Client({.names = kApp}));
  REQUIRE(tls.server().List(AppMetadata()).first.ok());
  const TestCertificate next = tls.Replace();
  CHECK(tls.server().List(AppMetadata()).first.ok());
  CHECK(before != next.certificate_pem);
  CHECK(tls.ShownCertificate() == next.certificate_pem);
}

TEST_CASE("files that will not do are counted, and those before them stay in use") {
  TlsServer tls;
  const std::string before = tls.ShownCertificate();
  const auto rejected = [&] { return tls.certificates().Metrics()[1].metric[0].counter.value; };
  WriteTextFile(tls.files().cert, "no certificate");
  CHECK(tls.ShownCertificate() == before);
  CHECK(rejected() == 1);
  // It is found without a connection too.
  WriteTextFile(tls.files().cert, tls.ca().certificate_pem());
  tls.certificates().Refresh();
  CHECK(rejected() == 2);
  CHECK(tls.ShownCertificate() == before);
  const TestCertificate next = tls.Replace();
  CHECK(tls.ShownCertificate() == next.certificate_pem);
}

TEST_CASE("a new authority is trusted, and the one before no longer") {
  TlsServer tls;
  TestCa next;
  tls.server().CallAs(tls.ClientOf(next.Issue({.names = kApp})));
  REQUIRE_FALSE(tls.server().List(AppMetadata()).first.ok());
  WriteTextFile(tls.files().ca, next.certificate_pem());
  tls.server().CallAs(tls.ClientOf(next.Issue({.names = kApp})));
  CHECK(tls.server().List(AppMetadata()).first.ok());
  tls.server().CallAs(tls.Client({.names = kApp}));
  CHECK_FALSE(tls.server().List(AppMetadata()).first.ok());
}

}  // namespace
}  // namespace belfry::server
