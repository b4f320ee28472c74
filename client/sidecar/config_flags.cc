#include "client/sidecar/config_flags.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>

namespace belfry::sidecar {
namespace {

constexpr std::string_view kIgnoredFlags[] = {
    "actors-service",
    "allowed-origins",
    "components-path",
    "config",
    "control-plane-address",
    "control-plane-namespace",
    "control-plane-trust-domain",
    "kubeconfig",
    "log-file",
    "mode",
    "placement-host-address",
    "profile-port",
    "profiling-listen-address",
    "reminders-service",
    "resources-path",
    "sentry-request-jwt-audiences",
};
constexpr std::string_view kIgnoredSwitches[] = {
    "disable-builtin-k8s-secret-store",
    "enable-profiling",
};

std::string EnvName(std::string_view flag) {
  std::string name = "BELFRY_SIDECAR_";
  for (const char c : flag) {
    name.push_back(c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c))));
  }
  return name;
}

// Go accepts a single dash before long flags, and `--flag=` for an empty value; CLI11 does not.
std::vector<std::string> Normalized(const std::vector<std::string>& args) {
  std::vector<std::string> out;
  for (const std::string& arg : args) {
    const bool single_dash =
        arg.size() > 2 && arg[0] == '-' && std::isalpha(static_cast<unsigned char>(arg[1])) != 0;
    std::string flag = single_dash ? "-" + arg : arg;
    if (flag.starts_with("--") && flag.ends_with('=')) {
      flag.pop_back();
      out.push_back(std::move(flag));
      out.emplace_back();
    } else {
      out.push_back(std::move(flag));
    }
  }
  return out;
}

}  // namespace

FlagSet::FlagSet() : app_("Dapr Jobs API sidecar of Belfry", "belfry-sidecar") {
  DeclareApp();
  DeclareServers();
  DeclareLimits();
  DeclareRest();
  for (const std::string_view flag : kIgnoredFlags) List(flag, ignored_, "means nothing to jobs");
  for (const std::string_view flag : kIgnoredSwitches) {
    Switch(flag, ignored_switch_, "means nothing to jobs");
  }
}

void FlagSet::Parse(const std::vector<std::string>& args) {
  std::vector<std::string> normalized = Normalized(args);
  std::reverse(normalized.begin(), normalized.end());  // as CLI11 wants it
  app_.parse(std::move(normalized));
}

bool FlagSet::Given(std::string_view flag) const {
  return app_.get_option(fmt::format("--{}", flag))->count() > 0;
}

std::vector<std::string> FlagSet::GivenIgnored() const {
  std::vector<std::string> given;
  for (const std::string_view flag : kIgnoredFlags) {
    if (Given(flag)) given.emplace_back(flag);
  }
  for (const std::string_view flag : kIgnoredSwitches) {
    if (Given(flag)) given.emplace_back(flag);
  }
  return given;
}

template <typename T>
void FlagSet::Value(std::string_view flag, T& target, const std::string& help) {
  // Of a repeated flag the last one wins, as with the reference's flags.
  app_.add_option(fmt::format("--{}", flag), target, help)->envname(EnvName(flag))->take_last();
}

void FlagSet::List(std::string_view flag, std::vector<std::string>& target,
                   const std::string& help) {
  app_.add_option(fmt::format("--{}", flag), target, help)
      ->envname(EnvName(flag))
      ->allow_extra_args(false)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}

void FlagSet::Switch(std::string_view flag, bool& target, const std::string& help) {
  app_.add_flag(fmt::format("--{}", flag), target, help)->envname(EnvName(flag))->take_last();
}

void FlagSet::DeclareApp() {
  Value("app-id", raw_.app_id, "id of the app; also as APP_ID");
  Value("app-port", raw_.app_port, "port of the app; none means no app");
  Value("app-protocol", raw_.app_protocol, "http, https, h2c, grpc or grpcs (http)");
  Value("app-channel-address", raw_.app_channel_address, "host of the app (127.0.0.1)");
  Value("app-max-concurrency", raw_.app_max_concurrency,
        "calls to the app at the same time (-1: no limit)");
  Switch("enable-app-health-check", raw_.enable_app_health_check, "probe the app's health");
  Value("app-health-check-path", raw_.app_health_check_path, "path for HTTP apps (/healthz)");
  Value("app-health-probe-interval", raw_.app_health_probe_interval, "seconds (5)");
  Value("app-health-probe-timeout", raw_.app_health_probe_timeout, "milliseconds (500)");
  Value("app-health-threshold", raw_.app_health_threshold,
        "failures in a row that make the app unhealthy (3)");
  List("disable-init-endpoints", raw_.disable_init_endpoints,
       "`config` leaves out GET /dapr/config");
}

void FlagSet::DeclareServers() {
  Value("dapr-http-port", raw_.http_port, "port of the HTTP API, 0 for any (3500)");
  Value("dapr-grpc-port", raw_.grpc_port, "port of the gRPC API, 0 for any (50001)");
  List("dapr-listen-addresses", raw_.listen_addresses, "where both listen (everywhere)");
  Value("dapr-public-port", raw_.public_port, "port for health and metadata only (none)");
  Value("dapr-public-listen-address", raw_.public_listen_address, "where it listens");
  Value("dapr-internal-grpc-port", raw_.internal_port,
        "port that listens and answers every call with UNIMPLEMENTED (none)");
  Value("dapr-internal-grpc-listen-address", raw_.internal_listen_address, "where it listens");
  Value("max-body-size", raw_.max_body_size, "largest request body or message (4Mi)");
  Value("dapr-http-max-request-size", raw_.max_request_megabytes, "the same in MiB, older");
  Value("read-buffer-size", raw_.read_buffer_size, "largest head of a request (4Ki)");
  Value("dapr-http-read-buffer-size", raw_.read_buffer_kilobytes, "the same in KiB, older");
  Switch("enable-metrics", raw_.enable_metrics, "serve Prometheus metrics (true)");
  Value("metrics-port", raw_.metrics_port, "port of the metrics (9090)");
  Value("metrics-listen-address", raw_.metrics_listen_address, "where they listen (0.0.0.0)");
  Value("ports-file", raw_.ports_file, "JSON file to write the actual ports to");
  Value("unix-domain-socket", raw_.unix_domain_socket,
        "directory for Unix sockets that both APIs listen on, instead of their ports (none)");
}

void FlagSet::DeclareLimits() {
  Value("http-max-connections", raw_.http_max_connections,
        "connections to one HTTP port; others are answered with 503 (4096)");
  Value("http2-max-streams", raw_.http2_max_streams,
        "requests at the same time on one connection of HTTP/2 or gRPC (250)");
  Value("http-header-timeout", raw_.http_header_timeout,
        "how long a client may take for the head of a request, once begun (10s)");
  Value("http-body-timeout", raw_.http_body_timeout, "how long for the body after that (60s)");
  Value("http-write-timeout", raw_.http_write_timeout, "how long to take a response (60s)");
  Value("http-idle-timeout", raw_.http_idle_timeout,
        "how long a connection may be without a request (5m)");
  Value("max-scheduler-calls", raw_.max_scheduler_calls,
        "calls of the Jobs API at the same time; others are answered with 429 (4096)");
  Value("max-call-memory", raw_.max_call_memory,
        "bytes of requests and answers in memory; others are answered with 429 (512Mi)");
  Value("app-request-timeout", raw_.app_request_timeout,
        "time limit for a job's delivery, such as 90s (none)");
}

void FlagSet::DeclareRest() {
  List("scheduler-host-address", raw_.scheduler_addresses,
       "host:port of schedulers; also as DAPR_SCHEDULER_HOST_ADDRESS_DNS_A");
  Value("scheduler-job-streams", raw_.scheduler_job_streams, "streams to each scheduler (3)");
  Value("dapr-graceful-shutdown-seconds", raw_.graceful_seconds,
        "how long calls to the app may go on at the end (5)");
  Value("dapr-block-shutdown-duration", raw_.block_shutdown,
        "how long all goes on before the end, or until the app is unhealthy, such as 10s (0s)");
  Value("log-level", raw_.log_level, "debug, info, warn, error or fatal (info)");
  Switch("log-as-json", raw_.log_as_json, "one JSON object a line");
  Switch("enable-api-logging", raw_.enable_api_logging, "log every call of the HTTP API");
  Switch("wait", raw_.wait, "wait until the sidecar with this --dapr-http-port is ready");
  Switch("version", raw_.version, "print the version");
  Switch("build-info", raw_.build_info, "print the version");
  Value("tls-ca-file", raw_.tls.ca_file, "PEM file: CAs of schedulers (the system's)");
  Value("tls-cert-file", raw_.tls.cert_file,
        "PEM file: the certificate shown to schedulers, with those that lead to its CA (none)");
  Value("tls-key-file", raw_.tls.key_file, "PEM file: its private key");
  Value("tls-server-name", raw_.tls.server_name,
        "host or SPIFFE id in schedulers' certificates (the address's host)");
  Switch("enable-mtls", raw_.enable_mtls, "accepted with the three TLS files");
  Switch("app-ssl", raw_.app_ssl, "the app speaks TLS, older: use https or grpcs");
  Value("sentry-address", raw_.sentry_address, "accepted with the three TLS files");
}

}  // namespace belfry::sidecar
