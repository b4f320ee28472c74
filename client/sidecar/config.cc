#include "client/sidecar/config.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdlib>
#include <map>

#include "belfry/client.h"
#include "client/sidecar/config_flags.h"
#include "client/sidecar/config_limits.h"
#include "client/sidecar/config_values.h"

namespace belfry::sidecar {
namespace {

// Exit codes; 2 for a bad command line is what Go's flag package uses.
constexpr int kExitRefused = 1;
constexpr int kExitUsage = 2;

std::string Env(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// Each Check function returns what is wrong, or an empty text.

std::string CheckRefused(const RawFlags& raw) {
  if ((raw.enable_mtls || !raw.sentry_address.empty()) && !raw.has_mutual_tls()) {
    return fmt::format(
        "{}: asks for mutual TLS, whose certificates are not asked of a Dapr Sentry but read from "
        "files; give --tls-cert-file, --tls-key-file and --tls-ca-file, or leave the flag out and "
        "secure the network between sidecars and schedulers",
        raw.enable_mtls ? "--enable-mtls" : "--sentry-address");
  }
  return "";
}

std::string CheckPorts(const RawFlags& raw, bool metrics_port_given, Config* config) {
  const auto read = [](std::string_view flag, const std::string& text, int* port) -> std::string {
    const auto parsed = ParsePort(text);
    if (!parsed) return fmt::format("--{} \"{}\": not a port (0 to 65535)", flag, text);
    *port = *parsed;
    return "";
  };
  if (!raw.app_port.empty()) {
    if (auto error = read("app-port", raw.app_port, &config->app_port); !error.empty()) {
      return error;
    }
  }
  if (auto error = read("dapr-http-port", raw.http_port, &config->http_port); !error.empty()) {
    return error;
  }
  if (auto error = read("dapr-grpc-port", raw.grpc_port, &config->grpc_port); !error.empty()) {
    return error;
  }
  if (!raw.public_port.empty()) {
    if (auto error = read("dapr-public-port", raw.public_port, &config->public_port);
        !error.empty()) {
      return error;
    }
  }
  if (!raw.internal_port.empty()) {
    if (auto error = read("dapr-internal-grpc-port", raw.internal_port, &config->internal_port);
        !error.empty()) {
      return error;
    }
  }
  config->metrics_port_given = metrics_port_given;
  if (auto error = read("metrics-port", raw.metrics_port, &config->metrics_port); !error.empty()) {
    return error;
  }
  if (config->app_port != 0 && config->app_port == config->http_port) {
    return fmt::format("--app-port and --dapr-http-port are both {}", config->app_port);
  }
  if (config->app_port != 0 && config->app_port == config->grpc_port) {
    return fmt::format("--app-port and --dapr-grpc-port are both {}", config->app_port);
  }
  if (config->http_port != 0 && config->http_port == config->grpc_port) {
    return fmt::format("--dapr-http-port and --dapr-grpc-port are both {}", config->http_port);
  }
  return "";
}

std::string CheckApp(const RawFlags& raw, Config* config) {
  config->app_id = raw.app_id.empty() ? Env("APP_ID") : raw.app_id;
  if (config->app_id.empty()) return "--app-id is missing";
  if (config->app_id.find('.') != std::string::npos) {
    return fmt::format("--app-id \"{}\": may not contain a dot", config->app_id);
  }
  const std::string_view protocol = raw.app_protocol;
  if (!protocol.empty() && protocol != "http" && protocol != "https" && protocol != "h2c" &&
      protocol != "grpc" && protocol != "grpcs") {
    return fmt::format("--app-protocol \"{}\": must be http, https, h2c, grpc or grpcs", protocol);
  }
  config->app_http2 = protocol == "h2c";
  if (config->app_http2 && raw.app_ssl) return "--app-ssl: not with --app-protocol h2c";
  config->app_protocol = protocol.starts_with("grpc") ? AppProtocol::kGrpc : AppProtocol::kHttp;
  config->app_tls = raw.app_ssl || protocol.ends_with('s');
  if (!raw.app_channel_address.empty()) {
    config->app_channel_address = WithoutBrackets(raw.app_channel_address);
  }
  config->app_max_concurrency = raw.app_max_concurrency;
  return "";
}

std::string CheckAppHealth(const RawFlags& raw, Config* config) {
  config->enable_app_health_check = raw.enable_app_health_check;
  config->app_health_check_path = raw.app_health_check_path;
  if (!config->app_health_check_path.starts_with('/')) {
    config->app_health_check_path.insert(0, "/");
  }
  // 0 and less mean the default.
  if (raw.app_health_probe_interval > 0) {
    config->app_health_probe_interval = absl::Seconds(raw.app_health_probe_interval);
  }
  if (raw.app_health_probe_timeout > 0) {
    config->app_health_probe_timeout = absl::Milliseconds(raw.app_health_probe_timeout);
  }
  if (raw.app_health_threshold > 0) config->app_health_threshold = raw.app_health_threshold;
  if (config->app_health_probe_timeout > config->app_health_probe_interval) {
    return "--app-health-probe-timeout is longer than --app-health-probe-interval";
  }
  const auto disabled = SplitLists(raw.disable_init_endpoints);
  config->call_app_config = std::find(disabled.begin(), disabled.end(), "config") == disabled.end();
  return "";
}

// The newer flag of each pair wins, as with the reference.
std::string CheckSizes(const FlagSet& flags, Config* config) {
  const RawFlags& raw = flags.raw();
  const auto body = ParseByteQuantity(!flags.Given("max-body-size") && raw.max_request_megabytes > 0
                                          ? fmt::format("{}Mi", raw.max_request_megabytes)
                                          : raw.max_body_size);
  if (!body) {
    return fmt::format("--max-body-size \"{}\": not a size of 1 to 1Gi, such as 4Mi",
                       raw.max_body_size);
  }
  config->max_body_bytes = *body;
  const bool older_head = !flags.Given("read-buffer-size") && raw.read_buffer_kilobytes > 0;
  const auto head = ParseByteQuantity(older_head ? fmt::format("{}Ki", raw.read_buffer_kilobytes)
                                                 : raw.read_buffer_size);
  if (!head) {
    return fmt::format("--read-buffer-size \"{}\": not a size of 1 to 1Gi, such as 4Ki",
                       raw.read_buffer_size);
  }
  config->read_buffer_bytes = *head;
  return "";
}

std::string CheckLogLevel(const RawFlags& raw, Config* config) {
  static const std::map<std::string, LogLevel> levels = {
      {"debug", LogLevel::kDebug},  {"info", LogLevel::kInfo},   {"warn", LogLevel::kWarn},
      {"warning", LogLevel::kWarn}, {"error", LogLevel::kError}, {"fatal", LogLevel::kFatal}};
  const auto level = levels.find(raw.log_level);
  if (level == levels.end()) {
    return fmt::format("--log-level \"{}\": must be debug, info, warn, error or fatal",
                       raw.log_level);
  }
  config->log_level = level->second;
  return "";
}

std::string CheckScheduler(const RawFlags& raw, bool addresses_given, Config* config) {
  config->scheduler_addresses = addresses_given
                                    ? SplitLists(raw.scheduler_addresses)
                                    : SplitLists({Env("DAPR_SCHEDULER_HOST_ADDRESS_DNS_A")});
  for (const std::string& address : config->scheduler_addresses) {
    if (const absl::Status status = CheckAddress(address); !status.ok()) {
      return fmt::format("--scheduler-host-address {}", std::string(status.message()));
    }
  }
  if (raw.scheduler_job_streams < 1) {
    return fmt::format("--scheduler-job-streams {}: must be at least 1", raw.scheduler_job_streams);
  }
  config->scheduler_job_streams = raw.scheduler_job_streams;
  if (raw.graceful_seconds < 0) {
    return fmt::format("--dapr-graceful-shutdown-seconds {}: must not be negative",
                       raw.graceful_seconds);
  }
  config->graceful_shutdown = absl::Seconds(raw.graceful_seconds);
  if (!raw.block_shutdown.empty() &&
      (!absl::ParseDuration(raw.block_shutdown, &config->block_shutdown) ||
       config->block_shutdown < absl::ZeroDuration())) {
    return fmt::format("--dapr-block-shutdown-duration \"{}\": not a duration, such as 10s",
                       raw.block_shutdown);
  }
  return "";
}

// Whether the files are there is found out at the start.
std::string CheckTlsFlags(const RawFlags& raw, Config* config) {
  const TlsOptions& tls = raw.tls;
  if (tls.cert_file.empty() != tls.key_file.empty()) {
    return "--tls-cert-file and --tls-key-file: one without the other is of no use";
  }
  if (tls.ca_file.empty() && tls.cert_file.empty() && tls.server_name.empty()) return "";
  config->tls = tls;
  return "";
}

void TakeRest(const RawFlags& raw, Config* config) {
  for (std::string& address : SplitLists(raw.listen_addresses)) {
    config->listen_addresses.push_back(WithoutBrackets(std::move(address)));
  }
  config->unix_socket_directory = raw.unix_domain_socket;
  config->public_listen_address = WithoutBrackets(raw.public_listen_address);
  config->internal_listen_address = WithoutBrackets(raw.internal_listen_address);
  config->enable_metrics = raw.enable_metrics;
  config->metrics_listen_address = raw.metrics_listen_address;
  config->log_as_json = raw.log_as_json;
  config->enable_api_logging = raw.enable_api_logging;
  config->ports_file = raw.ports_file;
  config->dapr_api_token = Env("DAPR_API_TOKEN");
  config->app_api_token = Env("APP_API_TOKEN");
  config->metrics_namespace = Env("NAMESPACE");
  if (!config->metrics_namespace.empty()) config->job_namespace = config->metrics_namespace;
}

// The first thing that is wrong, or an empty text.
std::string Check(const FlagSet& flags, Config* config) {
  const RawFlags& raw = flags.raw();
  for (const auto& check : {
           CheckApp(raw, config),
           CheckPorts(raw, flags.Given("metrics-port"), config),
           CheckAppHealth(raw, config),
           CheckSizes(flags, config),
           CheckLimits(raw, config),
           CheckLogLevel(raw, config),
           CheckScheduler(raw, flags.Given("scheduler-host-address"), config),
           CheckTlsFlags(raw, config),
       }) {
    if (!check.empty()) return check;
  }
  TakeRest(raw, config);
  config->ignored_flags = flags.GivenIgnored();
  if (raw.enable_mtls) config->ignored_flags.emplace_back("enable-mtls");
  if (!raw.sentry_address.empty()) config->ignored_flags.emplace_back("sentry-address");
  return "";
}

ParsedCommandLine Exit(int code, std::string text) {
  ParsedCommandLine out;
  out.exit_code = code;
  out.text = std::move(text);
  return out;
}

ParsedCommandLine WaitFor(const std::string& http_port) {
  const auto port = ParsePort(http_port);
  if (!port || *port == 0) {
    return Exit(kExitUsage,
                fmt::format("belfry-sidecar: --dapr-http-port \"{}\": not the port of a "
                            "sidecar to wait for (1 to 65535)\n",
                            http_port));
  }
  ParsedCommandLine out;
  out.wait = true;
  out.config.http_port = *port;
  return out;
}

}  // namespace

ParsedCommandLine ParseCommandLine(const std::vector<std::string>& args) {
  FlagSet flags;
  try {  // CLI11 reports by exceptions
    flags.Parse(args);
  } catch (const CLI::CallForHelp&) {
    return Exit(0, flags.Help());
  } catch (const CLI::ParseError& error) {
    return Exit(kExitUsage, fmt::format("belfry-sidecar: {}\n", error.what()));
  }
  const RawFlags& raw = flags.raw();
  if (raw.version || raw.build_info) return Exit(0, BELFRY_VERSION "\n");
  if (raw.wait) return WaitFor(raw.http_port);
  if (const std::string refused = CheckRefused(raw); !refused.empty()) {
    return Exit(kExitRefused, fmt::format("belfry-sidecar: {}\n", refused));
  }
  ParsedCommandLine out;
  if (const std::string wrong = Check(flags, &out.config); !wrong.empty()) {
    return Exit(kExitUsage, fmt::format("belfry-sidecar: {}\n", wrong));
  }
  out.run = true;
  return out;
}

}  // namespace belfry::sidecar
