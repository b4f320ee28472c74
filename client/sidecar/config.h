#pragma once

// The sidecar's configuration: flags and environment.

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "belfry/tls.h"
#include "client/sidecar/limits.h"

namespace belfry::sidecar {

enum class AppProtocol { kHttp, kGrpc };
enum class LogLevel { kDebug, kInfo, kWarn, kError, kFatal };

// What clients of the HTTP and the gRPC API may do at the same time, and how long it may take; see
// limits.h.
struct ServerLimits {
  int max_connections = kMaxHttpConnections;
  int max_streams = kMaxHttp2Streams;
  int max_scheduler_calls = kMaxSchedulerCalls;
  std::size_t max_call_bytes = kMaxCallBytes;
  absl::Duration header_timeout = kHttpHeaderTimeout;
  absl::Duration body_timeout = kHttpBodyTimeout;
  absl::Duration write_timeout = kHttpWriteTimeout;
  absl::Duration idle_timeout = kHttpIdleTimeout;
};

// What the sidecar runs with. Immutable once it runs.
struct Config {
  std::string app_id;
  // 0 means that there is no app: jobs can be managed, triggers fail.
  int app_port = 0;
  AppProtocol app_protocol = AppProtocol::kHttp;
  // Whether an HTTP app speaks HTTP/2 without TLS, and only that.
  bool app_http2 = false;
  // Whether the app speaks TLS; its certificate is not looked at.
  bool app_tls = false;
  std::string app_channel_address = "127.0.0.1";
  // Calls to the app at the same time; 0 or less means no limit.
  int app_max_concurrency = -1;
  // How long a call to the app may take; InfiniteDuration() means as long as it likes.
  absl::Duration app_request_timeout = absl::InfiniteDuration();

  // Ports: 0 means any free one.
  int http_port = 3500;
  int grpc_port = 50001;
  // Where both listen; empty means everywhere.
  std::vector<std::string> listen_addresses;
  // If not empty, both listen on Unix sockets in this directory and on no port:
  // dapr-<app id>-http.socket and dapr-<app id>-grpc.socket.
  std::string unix_socket_directory;
  // A further HTTP port for health and metadata only; -1 means none.
  int public_port = -1;
  std::string public_listen_address;
  // A further gRPC port, on which sidecars of the reference talk to each other; it only listens.
  // 0 means none.
  int internal_port = 0;
  std::string internal_listen_address;

  bool enable_metrics = true;
  int metrics_port = 9090;
  std::string metrics_listen_address = "0.0.0.0";
  // Whether somebody chose the port; if not, the sidecar also runs without it.
  bool metrics_port_given = false;

  // host:port each; empty means that scheduling is disabled.
  std::vector<std::string> scheduler_addresses;
  int scheduler_job_streams = 3;
  // How to speak TLS with them; without, the connections are not protected.
  std::optional<TlsOptions> tls;

  std::size_t max_body_bytes = std::size_t{4} << 20;
  std::size_t read_buffer_bytes = std::size_t{4} << 10;
  ServerLimits limits;

  bool enable_app_health_check = false;
  std::string app_health_check_path = "/healthz";
  absl::Duration app_health_probe_interval = absl::Seconds(5);
  absl::Duration app_health_probe_timeout = absl::Milliseconds(500);
  int app_health_threshold = 3;
  // Whether GET /dapr/config is called when an HTTP app is first reached.
  bool call_app_config = true;

  // How long the sidecar goes on when it is told to stop, unless the app becomes unhealthy.
  absl::Duration block_shutdown = absl::ZeroDuration();
  absl::Duration graceful_shutdown = absl::Seconds(5);
  LogLevel log_level = LogLevel::kInfo;
  bool log_as_json = false;
  bool enable_api_logging = false;
  // A JSON file that gets the actual ports once all listen; empty means none.
  std::string ports_file;

  // From the environment only.
  std::string dapr_api_token;  // clients must show it; empty means none
  std::string app_api_token;   // shown to the app; empty means none
  std::string job_namespace = "default";
  std::string metrics_namespace;  // as in the environment, empty if unset

  // Flags that were given and mean nothing to jobs.
  std::vector<std::string> ignored_flags;
};

// What a command line comes to: a configuration to run with, or a text to print and a code to exit
// with.
struct ParsedCommandLine {
  Config config;
  bool run = false;
  // Instead of running: wait for the sidecar that has config.http_port.
  bool wait = false;
  int exit_code = 0;
  std::string text;  // for stdout if exit_code is 0, else for stderr
};

// Reads the flags and the environment (every flag can also be set as BELFRY_SIDECAR_<FLAG>; the
// command line wins). Exit codes: 0 for --help and --version, 2 for an unknown flag or a wrong
// value, 1 for a flag that asks for what the sidecar does not have.
ParsedCommandLine ParseCommandLine(const std::vector<std::string>& args);

}  // namespace belfry::sidecar
