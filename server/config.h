#pragma once

// Config: what belfry-scheduler was told on its command line and in its environment.
//
// Every flag --some-flag is also read from BELFRY_SOME_FLAG; the command line wins. Flags of the
// reference that would make this scheduler share its jobs with others or would ask for security
// that it is not given the means for end the start: they are never ignored.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "client/tls/key_material.h"
#include "scheduler/base/limits.h"

namespace belfry::server {

struct Config {
  uint16_t port = 50006;       // gRPC; 0 lets the system choose
  std::string listen_address;  // gRPC and metrics; empty means all interfaces
  uint16_t healthz_port = 8080;
  std::string healthz_listen_address;
  uint16_t metrics_port = 9090;
  bool enable_metrics = true;
  std::string id = "dapr-scheduler-server-0";
  std::string data_dir = "./data";
  std::string admin_socket;  // empty: admin.sock in data_dir; "none": not served
  std::string log_level = "info";
  bool log_as_json = false;
  std::string override_broadcast_host_port;  // advertised as it is; empty means found out
  absl::Duration max_unsynced = absl::Seconds(1);
  tls::KeyFiles tls;  // of the gRPC port; without a certificate it does not speak TLS
  // SPIFFE ids that may do everything. Only with mutual TLS.
  std::vector<std::string> admin_identities;
  Limits limits;
  // What new jobs leave free on the disk; nullopt means a default that depends on its size.
  std::optional<uint64_t> disk_reserve_bytes;
  std::string ports_file;  // receives the ports in use once ready; empty means none
  // Flags of the reference that were given and change nothing, with their dashes.
  std::vector<std::string> ignored_flags;

  bool has_tls() const { return !tls.cert_file.empty(); }
  // Whether clients must show a certificate.
  bool has_mutual_tls() const { return has_tls() && !tls.ca_file.empty(); }
};

// What to do after reading the arguments: run with `config`, or print `text` and exit.
struct Arguments {
  std::optional<Config> config;
  int exit_code = 0;
  std::string text;  // to standard output if exit_code is 0, else to standard error
};

// Reads the flags (without the program's name) and the environment. Exit codes: 0 for --help and
// --version, 2 for what cannot be understood, 1 for what is understood and refused.
Arguments ParseArguments(const std::vector<std::string>& flags);

}  // namespace belfry::server
