#pragma once

// The flags as they were given, before anything is checked.

#include <CLI/App.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "belfry/tls.h"
#include "client/sidecar/limits.h"

namespace belfry::sidecar {

// Flags as they were given, before they are checked.
struct RawFlags {
  std::string app_id;
  std::string app_port;
  std::string app_protocol = "http";
  std::string app_channel_address = "127.0.0.1";
  int app_max_concurrency = -1;
  std::string app_request_timeout;
  int http_max_connections = kMaxHttpConnections;
  std::string max_call_memory;
  int http2_max_streams = kMaxHttp2Streams;
  int max_scheduler_calls = kMaxSchedulerCalls;
  std::string http_header_timeout;
  std::string http_body_timeout;
  std::string http_write_timeout;
  std::string http_idle_timeout;
  std::string http_port = "3500";
  std::string grpc_port = "50001";
  std::vector<std::string> listen_addresses;
  std::string public_port;
  std::string public_listen_address;
  std::string internal_port;
  std::string internal_listen_address;
  bool enable_metrics = true;
  std::string metrics_port = "9090";
  std::string metrics_listen_address = "0.0.0.0";
  std::vector<std::string> scheduler_addresses;
  int scheduler_job_streams = 3;
  std::string max_body_size = "4Mi";
  std::string read_buffer_size = "4Ki";
  int max_request_megabytes = -1;
  int read_buffer_kilobytes = -1;
  bool enable_app_health_check = false;
  std::string app_health_check_path = "/healthz";
  int app_health_probe_interval = 5;
  int app_health_probe_timeout = 500;
  int app_health_threshold = 3;
  std::vector<std::string> disable_init_endpoints;
  std::string block_shutdown;
  int graceful_seconds = 5;
  std::string log_level = "info";
  bool log_as_json = false;
  bool enable_api_logging = false;
  std::string ports_file;
  std::string unix_domain_socket;
  bool wait = false;
  bool version = false;
  bool build_info = false;
  bool app_ssl = false;
  TlsOptions tls;
  // What has to be refused, the first two unless mutual TLS is there.
  bool enable_mtls = false;
  std::string sentry_address;

  // Whether schedulers are shown a certificate, and must have one of a certain CA.
  bool has_mutual_tls() const {
    return !tls.ca_file.empty() && !tls.cert_file.empty() && !tls.key_file.empty();
  }
};

// Declares and reads the flags. Each can also be set as BELFRY_SIDECAR_<FLAG> in the environment.
// Thread safety: none.
class FlagSet {
 public:
  FlagSet();

  // Throws CLI::ParseError if a flag is unknown or has a wrong value, CLI::CallForHelp for --help.
  // Long flags may begin with a single dash, as with Go.
  void Parse(const std::vector<std::string>& args);

  const RawFlags& raw() const { return raw_; }
  std::string Help() { return app_.help(); }
  // Whether a flag was given, without its dashes.
  bool Given(std::string_view flag) const;
  // The flags that were given and mean nothing to jobs, without their dashes.
  std::vector<std::string> GivenIgnored() const;

 private:
  template <typename T>
  void Value(std::string_view flag, T& target, const std::string& help);
  void List(std::string_view flag, std::vector<std::string>& target, const std::string& help);
  void Switch(std::string_view flag, bool& target, const std::string& help);
  void DeclareApp();
  void DeclareServers();
  void DeclareLimits();
  void DeclareRest();

  RawFlags raw_;
  std::vector<std::string> ignored_;
  bool ignored_switch_ = false;
  CLI::App app_;
};

}  // namespace belfry::sidecar
