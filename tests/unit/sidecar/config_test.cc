#include "client/sidecar/config.h"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "client/sidecar/config_values.h"

namespace belfry::sidecar {
namespace {

// Sets a variable of the environment for one test.
class ScopedEnv {
 public:
  ScopedEnv(const char* name, const char* value) : name_(name) { ::setenv(name, value, 1); }
  ~ScopedEnv() { ::unsetenv(name_); }
  ScopedEnv(const ScopedEnv&) = delete;
  ScopedEnv& operator=(const ScopedEnv&) = delete;

 private:
  const char* const name_;
};

Config Parsed(std::vector<std::string> args) {
  args.insert(args.begin(), "--app-id=my-app");
  const auto parsed = ParseCommandLine(args);
  INFO(parsed.text);
  REQUIRE(parsed.run);
  return parsed.config;
}

TEST_CASE("config: defaults") {
  const Config config = Parsed({});
  CHECK(config.app_id == "my-app");
  CHECK(config.app_port == 0);
  CHECK(config.app_protocol == AppProtocol::kHttp);
  CHECK(config.app_channel_address == "127.0.0.1");
  CHECK(config.app_max_concurrency == -1);
  CHECK(config.app_request_timeout == absl::InfiniteDuration());
  CHECK(config.http_port == 3500);
  CHECK(config.grpc_port == 50001);
  CHECK(config.public_port == -1);
  CHECK(config.listen_addresses.empty());
  CHECK(config.metrics_port == 9090);
  CHECK_FALSE(config.metrics_port_given);
  CHECK(config.enable_metrics);
  CHECK(config.scheduler_addresses.empty());
  CHECK(config.scheduler_job_streams == 3);
  CHECK(config.max_body_bytes == 4u << 20);
  CHECK(config.read_buffer_bytes == 4096);
  CHECK(config.app_health_probe_interval == absl::Seconds(5));
  CHECK(config.app_health_probe_timeout == absl::Milliseconds(500));
  CHECK(config.app_health_threshold == 3);
  CHECK(config.graceful_shutdown == absl::Seconds(5));
  CHECK(config.job_namespace == "default");
  CHECK(config.metrics_namespace.empty());
  CHECK(config.ignored_flags.empty());
}

TEST_CASE("config: flags may be written in every way that Go takes") {
  for (const std::vector<std::string>& args :
       std::vector<std::vector<std::string>>{{"--app-port", "3000"},
                                             {"--app-port=3000"},
                                             {"-app-port", "3000"},
                                             {"-app-port=3000"}}) {
    CHECK(Parsed(args).app_port == 3000);
  }
  CHECK(Parsed({"--app-port", ""}).app_port == 0);
  CHECK(Parsed({"--app-port="}).app_port == 0);
  CHECK(Parsed({"--app-max-concurrency", "-1"}).app_max_concurrency == -1);
  CHECK_FALSE(Parsed({"--enable-metrics=false"}).enable_metrics);
  CHECK(Parsed({"--log-as-json"}).log_as_json);
  CHECK(Parsed({"--enable-mtls=false"}).app_id == "my-app");
}

TEST_CASE("config: of a repeated flag the last one wins, addresses add up") {
  const Config config =
      Parsed({"--app-port=1", "--app-port=2", "--enable-metrics=false", "--enable-metrics",
              "--scheduler-host-address=a:1", "--scheduler-host-address=b:2"});
  CHECK(config.app_port == 2);
  CHECK(config.enable_metrics);
  CHECK(config.scheduler_addresses == std::vector<std::string>{"a:1", "b:2"});
}

TEST_CASE("config: every flag") {
  const Config config = Parsed({"--app-protocol=grpc",
                                "--app-channel-address=[::1]",
                                "--app-max-concurrency=7",
                                "--app-request-timeout=90s",
                                "--dapr-http-port=0",
                                "--dapr-grpc-port=0",
                                "--dapr-listen-addresses=[::1],127.0.0.1",
                                "--dapr-public-port=0",
                                "--dapr-public-listen-address=127.0.0.1",
                                "--metrics-port=0",
                                "--metrics-listen-address=127.0.0.1",
                                "--scheduler-host-address=a:1,b:2",
                                "--scheduler-host-address",
                                "c:3",
                                "--scheduler-job-streams=1",
                                "--max-body-size=1Mi",
                                "--read-buffer-size=8Ki",
                                "--enable-app-health-check",
                                "--app-health-check-path=health",
                                "--app-health-probe-interval=1",
                                "--app-health-probe-timeout=100",
                                "--app-health-threshold=1",
                                "--disable-init-endpoints=config",
                                "--dapr-graceful-shutdown-seconds=1",
                                "--log-level=debug",
                                "--enable-api-logging",
                                "--ports-file=/tmp/p"});
  CHECK(config.app_protocol == AppProtocol::kGrpc);
  CHECK(config.app_channel_address == "::1");
  CHECK(config.app_max_concurrency == 7);
  CHECK(config.app_request_timeout == absl::Seconds(90));
  CHECK(config.http_port == 0);
  CHECK(config.grpc_port == 0);
  CHECK(config.listen_addresses == std::vector<std::string>{"::1", "127.0.0.1"});
  CHECK(config.public_port == 0);
  CHECK(config.public_listen_address == "127.0.0.1");
  CHECK(config.metrics_port == 0);
  CHECK(config.metrics_port_given);
  CHECK(config.metrics_listen_address == "127.0.0.1");
  CHECK(config.scheduler_addresses == std::vector<std::string>{"a:1", "b:2", "c:3"});
  CHECK(config.scheduler_job_streams == 1);
  CHECK(config.max_body_bytes == 1u << 20);
  CHECK(config.read_buffer_bytes == 8192);
  CHECK(config.enable_app_health_check);
  CHECK(config.app_health_check_path == "/health");
  CHECK(config.app_health_probe_interval == absl::Seconds(1));
  CHECK(config.app_health_probe_timeout == absl::Milliseconds(100));
  CHECK(config.app_health_threshold == 1);
  CHECK_FALSE(config.call_app_config);
  CHECK(config.graceful_shutdown == absl::Seconds(1));
  CHECK(config.log_level == LogLevel::kDebug);
  CHECK(config.enable_api_logging);
  CHECK(config.ports_file == "/tmp/p");
}

TEST_CASE("config: older names of the sizes") {
  CHECK(Parsed({"--dapr-http-max-request-size=16"}).max_body_bytes == 16u << 20);
  CHECK(Parsed({"--dapr-http-read-buffer-size=8"}).read_buffer_bytes == 8192);
  // The newer names win.
  CHECK(Parsed({"--dapr-http-max-request-size=16", "--max-body-size=1Mi"}).max_body_bytes ==
        1u << 20);
  CHECK(Parsed({"--dapr-http-read-buffer-size=8", "--read-buffer-size=1Ki"}).read_buffer_bytes ==
        1024);
}

TEST_CASE("config: the port on which sidecars of the reference talk to each other") {
  CHECK(Parsed({}).internal_port == 0);
  CHECK(Parsed({"--dapr-internal-grpc-port="}).internal_port == 0);
  const Config config =
      Parsed({"--dapr-internal-grpc-port=7", "--dapr-internal-grpc-listen-address=[::1]"});
  CHECK(config.internal_port == 7);
  CHECK(config.internal_listen_address == "::1");
}

TEST_CASE("config: waiting for another sidecar needs only its port") {
  const auto parsed = ParseCommandLine({"--wait", "--dapr-http-port=7"});
  CHECK_FALSE(parsed.run);
  CHECK(parsed.wait);
  CHECK(parsed.config.http_port == 7);
  CHECK(ParseCommandLine({"--wait"}).config.http_port == 3500);
  CHECK(ParseCommandLine({"--wait", "--dapr-http-port=0"}).exit_code == 2);
  CHECK_FALSE(ParseCommandLine({"--wait", "--dapr-http-port=0"}).wait);
}

TEST_CASE("config: a blank scheduler address disables scheduling") {
  const std::string blank = GENERATE(as<std::string>(), "", " ", "\"\"", "''", "\" \"");
  CHECK(Parsed({"--scheduler-host-address", blank}).scheduler_addresses.empty());
}

TEST_CASE("config: the environment") {
  const ScopedEnv ns("NAMESPACE", "ns1");
  const ScopedEnv api_token("DAPR_API_TOKEN", "t1");
  const ScopedEnv app_token("APP_API_TOKEN", "t2");
  const ScopedEnv hosts("DAPR_SCHEDULER_HOST_ADDRESS_DNS_A", "a:1,b:2");
  const ScopedEnv port("BELFRY_SIDECAR_APP_PORT", "4000");
  const ScopedEnv json("BELFRY_SIDECAR_LOG_AS_JSON", "true");
  const Config config = Parsed({});
  CHECK(config.job_namespace == "ns1");
  CHECK(config.metrics_namespace == "ns1");
  CHECK(config.dapr_api_token == "t1");
  CHECK(config.app_api_token == "t2");
  CHECK(config.scheduler_addresses == std::vector<std::string>{"a:1", "b:2"});
  CHECK(config.app_port == 4000);
  CHECK(config.log_as_json);
  // The command line wins.
  CHECK(Parsed({"--app-port=5000"}).app_port == 5000);
  CHECK(Parsed({"--scheduler-host-address=c:3"}).scheduler_addresses ==
        std::vector<std::string>{"c:3"});
  CHECK(Parsed({"--scheduler-host-address="}).scheduler_addresses.empty());
}

TEST_CASE("config: the app id may come from the environment") {
  CHECK(ParseCommandLine({}).exit_code == 2);
  const ScopedEnv id("APP_ID", "env-app");
  const auto parsed = ParseCommandLine({});
  REQUIRE(parsed.run);
  CHECK(parsed.config.app_id == "env-app");
}

TEST_CASE("config: what is wrong ends the start with 2") {
  const std::vector<std::string> args = GENERATE(values<std::vector<std::string>>({
      {"--no-such-flag"},
      {"stray"},
      {"--app-port"},
      {"--app-port=x"},
      {"--app-port=65536"},
      {"--app-port=3500"},
      {"--app-port=50001"},
      {"--dapr-http-port=4", "--dapr-grpc-port=4"},
      {"--app-protocol=ftp"},
      {"--scheduler-job-streams=0"},
      {"--max-body-size=4X"},
      {"--max-body-size=0"},
      {"--read-buffer-size=-1"},
      {"--log-level=loud"},
      {"--app-request-timeout=soon"},
      {"--app-protocol=h2c", "--app-ssl"},
      {"--http-max-connections=0"},
      {"--http2-max-streams=-1"},
      {"--max-scheduler-calls=1000001"},
      {"--http-header-timeout=10"},
      {"--http-idle-timeout=-1s"},
      {"--app-request-timeout=0s"},
      {"--app-health-probe-interval=1", "--app-health-probe-timeout=1001"},
      {"--dapr-graceful-shutdown-seconds=-1"},
      {"--dapr-block-shutdown-duration=soon"},
      {"--dapr-block-shutdown-duration=-1s"},
      {"--app-id=a.b"},
  }));
  std::vector<std::string> all = args;
  if (args[0] != "--app-id=a.b") all.insert(all.begin(), "--app-id=a");
  const auto parsed = ParseCommandLine(all);
  CAPTURE(args);
  CHECK_FALSE(parsed.run);
  CHECK(parsed.exit_code == 2);
  CHECK_FALSE(parsed.text.empty());
}

TEST_CASE("config: what the app speaks") {
  const auto [flag, protocol, tls] = GENERATE(table<std::string, AppProtocol, bool>({
      {"--app-protocol=http", AppProtocol::kHttp, false},
      {"--app-protocol=https", AppProtocol::kHttp, true},
      {"--app-protocol=grpc", AppProtocol::kGrpc, false},
      {"--app-protocol=grpcs", AppProtocol::kGrpc, true},
      {"--app-ssl", AppProtocol::kHttp, true},
      {"--app-ssl=false", AppProtocol::kHttp, false},
  }));
  CAPTURE(flag);
  const Config config = Parsed({flag});
  CHECK(config.app_protocol == protocol);
  CHECK(config.app_tls == tls);
  CHECK(Parsed({"--app-ssl", "--app-protocol=grpc"}).app_tls);
  CHECK_FALSE(Parsed({flag}).app_http2);
  const Config http2 = Parsed({"--app-protocol=h2c"});
  CHECK(http2.app_protocol == AppProtocol::kHttp);
  CHECK(http2.app_http2);
  CHECK_FALSE(http2.app_tls);
}

TEST_CASE("config: limits have defaults and flags") {
  const ServerLimits defaults = Parsed({}).limits;
  CHECK(defaults.max_connections == kMaxHttpConnections);
  CHECK(defaults.header_timeout == kHttpHeaderTimeout);
  const ServerLimits limits =
      Parsed({"--http-max-connections=1", "--http2-max-streams=2", "--max-scheduler-calls=3",
              "--http-header-timeout=4s", "--http-body-timeout=5s", "--http-write-timeout=6ms",
              "--http-idle-timeout=7m"})
          .limits;
  CHECK(limits.max_connections == 1);
  CHECK(limits.max_streams == 2);
  CHECK(limits.max_scheduler_calls == 3);
  CHECK(limits.header_timeout == absl::Seconds(4));
  CHECK(limits.body_timeout == absl::Seconds(5));
  CHECK(limits.write_timeout == absl::Milliseconds(6));
  CHECK(limits.idle_timeout == absl::Minutes(7));
}

TEST_CASE("config: Unix sockets instead of ports") {
  CHECK(Parsed({}).unix_socket_directory.empty());
  CHECK(Parsed({"--unix-domain-socket=/run/x"}).unix_socket_directory == "/run/x");
}

TEST_CASE("config: TLS with schedulers is on if a file or a name is given") {
  CHECK_FALSE(Parsed({}).tls.has_value());
  const Config config = Parsed({"--tls-ca-file=a", "--tls-cert-file=c", "--tls-key-file=k",
                                "--tls-server-name=spiffe://td/s"});
  REQUIRE(config.tls.has_value());
  CHECK(config.tls->ca_file == "a");
  CHECK(config.tls->cert_file == "c");
  CHECK(config.tls->key_file == "k");
  CHECK(config.tls->server_name == "spiffe://td/s");
  CHECK(Parsed({"--tls-ca-file=a"}).tls.has_value());
  CHECK(Parsed({"--tls-server-name=s"}).tls.has_value());
  const ScopedEnv ca("BELFRY_SIDECAR_TLS_CA_FILE", "a");
  CHECK(Parsed({}).tls.has_value());
}

TEST_CASE("config: a certificate without its key, or a key without, ends the start with 2") {
  const std::string flag = GENERATE(as<std::string>(), "--tls-cert-file=c", "--tls-key-file=k");
  const auto parsed = ParseCommandLine({"--app-id=a", "--tls-ca-file=a", flag});
  CHECK_FALSE(parsed.run);
  CHECK(parsed.exit_code == 2);
  CHECK(parsed.text.find("--tls-key-file") != std::string::npos);
}

TEST_CASE("config: flags that ask for mutual TLS are content with certificates in files") {
  const std::string flag = GENERATE(as<std::string>(), "--enable-mtls", "--sentry-address=x:1");
  CAPTURE(flag);
  for (const std::string& other : {std::string("--tls-ca-file=a"), std::string("--mode=x")}) {
    const auto refused = ParseCommandLine({"--app-id=a", flag, other});
    CHECK_FALSE(refused.run);
    CHECK(refused.exit_code == 1);
    CHECK(refused.text.find(flag.substr(0, flag.find('='))) != std::string::npos);
    CHECK(refused.text.find("--tls-ca-file") != std::string::npos);
  }
  const Config config = Parsed({flag, "--tls-ca-file=a", "--tls-cert-file=c", "--tls-key-file=k"});
  CHECK(config.ignored_flags == std::vector<std::string>{flag.substr(2, flag.find('=') - 2)});
}

TEST_CASE("config: what means nothing to jobs is accepted and named, once each") {
  const Config config = Parsed({"--placement-host-address=x:1", "--mode=standalone", "--config=a",
                                "--config=b", "--enable-profiling"});
  CHECK(config.ignored_flags ==
        std::vector<std::string>{"config", "mode", "placement-host-address", "enable-profiling"});
}

TEST_CASE("config: the whole command line of a reference sidecar is understood") {
  const Config config = Parsed({"--mode=kubernetes",
                                "--dapr-http-port=3501",
                                "--dapr-grpc-port=50002",
                                "--dapr-internal-grpc-port=50003",
                                "--dapr-internal-grpc-listen-address=",
                                "--dapr-listen-addresses=[::1],127.0.0.1",
                                "--dapr-public-port=3502",
                                "--dapr-public-listen-address=127.0.0.1",
                                "--app-port=3000",
                                "--app-protocol=http",
                                "--app-channel-address=localhost",
                                "--app-max-concurrency",
                                "-1",
                                "--app-ssl=false",
                                "--enable-app-health-check=false",
                                "--app-health-check-path=/healthz",
                                "--app-health-probe-interval=5",
                                "--app-health-probe-timeout=500",
                                "--app-health-threshold=3",
                                "--control-plane-address=x:1",
                                "--control-plane-trust-domain=localhost",
                                "--control-plane-namespace=dapr",
                                "--sentry-address=",
                                "--sentry-request-jwt-audiences=a",
                                "--enable-mtls=false",
                                "--allowed-origins=*",
                                "--enable-profiling=false",
                                "--profile-port=7777",
                                "--components-path=/c",
                                "--resources-path=/a",
                                "--resources-path=/b",
                                "--config=/c",
                                "--max-body-size=4Mi",
                                "--read-buffer-size=4Ki",
                                "--unix-domain-socket=",
                                "--dapr-graceful-shutdown-seconds=5",
                                "--dapr-block-shutdown-duration=2s",
                                "--enable-api-logging=true",
                                "--disable-builtin-k8s-secret-store",
                                "--disable-init-endpoints=",
                                "--placement-host-address=x:1",
                                "--actors-service=",
                                "--reminders-service=",
                                "--scheduler-host-address=s:50006",
                                "--scheduler-job-streams=3",
                                "--log-level=info",
                                "--log-as-json=true",
                                "--log-file=",
                                "--enable-metrics=true",
                                "--metrics-port=9090",
                                "--metrics-listen-address=0.0.0.0"});
  CHECK(config.app_port == 3000);
  CHECK(config.app_max_concurrency == -1);
  CHECK(config.internal_port == 50003);
  CHECK(config.block_shutdown == absl::Seconds(2));
  CHECK(config.listen_addresses == std::vector<std::string>{"::1", "127.0.0.1"});
  CHECK(config.scheduler_addresses == std::vector<std::string>{"s:50006"});
  CHECK(config.call_app_config);
}

TEST_CASE("config: help and version") {
  const auto help = ParseCommandLine({"--help"});
  CHECK_FALSE(help.run);
  CHECK(help.exit_code == 0);
  CHECK(help.text.find("--app-id") != std::string::npos);
  CHECK(ParseCommandLine({"--version"}).text == BELFRY_VERSION "\n");
}

TEST_CASE("config: quantities of bytes") {
  const auto [text, bytes] = GENERATE(table<std::string, std::size_t>({
      {"1", 1},
      {"4Mi", 4u << 20},
      {"4MiB", 4u << 20},
      {"4M", 4'000'000},
      {"1k", 1000},
      {"0.5Ki", 512},
      {"1Gi", 1u << 30},
  }));
  CHECK(ParseByteQuantity(text) == bytes);
  for (const char* bad : {"", "Mi", "4mi", "4 Mi", "-4", "0", "2Gi", "1e3", "nan", "inf"}) {
    CAPTURE(bad);
    CHECK_FALSE(ParseByteQuantity(bad));
  }
}

}  // namespace
}  // namespace belfry::sidecar
