#include "server/config.h"

#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <type_traits>

#include "CLI/CLI.hpp"
#include "absl/status/status.h"
#include "fmt/format.h"
#include "server/access.h"
#include "server/byte_size.h"
#include "server/flag_names.h"
#include "server/limit_flags.h"
#include "server/reference_flags.h"

namespace belfry::server {
namespace {

constexpr int kExitRefused = 1;
constexpr int kExitUsage = 2;

constexpr absl::Duration kMaxUnsyncedMin = absl::Milliseconds(1);
constexpr absl::Duration kMaxUnsyncedMax = absl::Hours(1);

// Texts that become something else.
struct RawFlags {
  std::string max_unsynced;
  std::string disk_reserve_bytes;
  std::string admin_identities;
};

// What is wrong with a port, or an empty text.
std::string CheckPort(const std::string& text) {
  uint16_t port = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, port);
  if (error == std::errc() && rest == end) return "";
  return fmt::format("\"{}\": not a port (0 to 65535)", text);
}

template <typename T>
CLI::Option* AddOption(CLI::App* app, std::string_view flag, T* value, const std::string& help,
                       std::string_view alias = {}) {
  std::string names = fmt::format("--{}", flag);
  if (!alias.empty()) names += fmt::format(",--{}", alias);
  // CLI11 knows one variable for each option; that of the alias gives the default.
  if constexpr (std::is_same_v<T, std::string>) {
    const char* text = alias.empty() ? nullptr : std::getenv(EnvironmentName(alias).c_str());
    if (text != nullptr) *value = text;
  }
  CLI::Option* option = app->add_option(names, *value, help)
                            ->envname(EnvironmentName(flag))
                            ->take_last()
                            ->capture_default_str();
  // All numbers are ports. CLI11 would take an empty text for 0.
  if constexpr (std::is_integral_v<T>) option->check(CheckPort, "PORT");
  return option;
}

CLI::Option* AddBoolean(CLI::App* app, std::string_view flag, bool* value,
                        const std::string& help) {
  return app->add_flag(fmt::format("--{}", flag), *value, help)
      ->envname(EnvironmentName(flag))
      ->take_last();
}

void AddFlags(CLI::App* app, Config* config, RawFlags* raw) {
  AddOption(app, "port", &config->port, "gRPC port; 0 lets the system choose");
  AddOption(app, "listen-address", &config->listen_address,
            "address of the gRPC and metrics ports; empty means all interfaces");
  AddOption(app, "healthz-port", &config->healthz_port, "port of GET /healthz");
  AddOption(app, "healthz-listen-address", &config->healthz_listen_address,
            "address of the health port; empty means all interfaces");
  AddOption(app, "metrics-port", &config->metrics_port, "port of the Prometheus metrics");
  AddBoolean(app, "enable-metrics", &config->enable_metrics, "serve metrics (default: true)");
  AddOption(app, "id", &config->id, "name of this scheduler in its logs");
  AddOption(app, "data-dir", &config->data_dir, "directory that holds the jobs", "etcd-data-dir");
  AddOption(app, "admin-socket", &config->admin_socket,
            "Unix socket of belfry admin, export and import; empty means admin.sock in the data "
            "directory, \"none\" none");
  AddOption(app, "log-level", &config->log_level, "debug, info, warn, error or fatal")
      ->check(CLI::IsMember({"debug", "info", "warn", "error", "fatal"}));
  AddBoolean(app, "log-as-json", &config->log_as_json, "one JSON object per log line");
  AddOption(app, "override-broadcast-host-port", &config->override_broadcast_host_port,
            "host:port that sidecars are told to connect to; empty means it is found out");
  AddOption(app, "max-unsynced", &raw->max_unsynced,
            "longest time that progress may be lost by a power cut, e.g. 500ms");
  AddOption(app, "disk-reserve-bytes", &raw->disk_reserve_bytes,
            "free bytes of the disk below which new jobs are refused; 0 refuses none; empty means "
            "256 MiB, but no more than a twentieth of the disk");
  AddOption(app, "ports-file", &config->ports_file,
            "file that receives the ports in use, as JSON, once ready");
}

void AddTlsFlags(CLI::App* app, Config* config, RawFlags* raw) {
  const std::string group = "TLS of the gRPC port";
  AddOption(app, "tls-cert-file", &config->tls.cert_file,
            "PEM file: the scheduler's certificate and those that lead to its CA")
      ->group(group);
  AddOption(app, "tls-key-file", &config->tls.key_file, "PEM file: its private key")->group(group);
  AddOption(app, "tls-ca-file", &config->tls.ca_file,
            "PEM file: CAs of clients, which must then show a certificate (mutual TLS)")
      ->group(group);
  AddOption(app, "admin-identities", &raw->admin_identities,
            "SPIFFE ids, separated by commas, that may do everything in all namespaces")
      ->group(group);
}

// Why the start must end; OK if the flags about TLS go together.
absl::Status CheckTls(const RawFlags& raw, Config* config) {
  const tls::KeyFiles& files = config->tls;
  if (files.cert_file.empty() != files.key_file.empty()) {
    return absl::InvalidArgumentError(
        "--tls-cert-file and --tls-key-file: one without the other is of no use; give both");
  }
  if (!files.ca_file.empty() && !config->has_tls()) {
    return absl::InvalidArgumentError(
        "--tls-ca-file: needs --tls-cert-file and --tls-key-file; give them too");
  }
  absl::StatusOr<std::vector<std::string>> ids = ParseIdentities(raw.admin_identities);
  if (!ids.ok()) {
    return absl::InvalidArgumentError(
        fmt::format("--admin-identities: {}", std::string(ids.status().message())));
  }
  if (!ids->empty() && !config->has_mutual_tls()) {
    return absl::InvalidArgumentError(
        "--admin-identities: needs mutual TLS, without which nobody has an identity; give "
        "--tls-cert-file, --tls-key-file and --tls-ca-file");
  }
  config->admin_identities = *std::move(ids);
  return absl::OkStatus();
}

absl::Status ParseMaxUnsynced(const std::string& text, absl::Duration* value) {
  if (!absl::ParseDuration(text, value)) {
    return absl::InvalidArgumentError(
        fmt::format("--max-unsynced: \"{}\" is not a duration such as 500ms or 1s", text));
  }
  if (*value < kMaxUnsyncedMin || *value > kMaxUnsyncedMax) {
    return absl::InvalidArgumentError(fmt::format("--max-unsynced: {} is out of range {} to {}",
                                                  text, absl::FormatDuration(kMaxUnsyncedMin),
                                                  absl::FormatDuration(kMaxUnsyncedMax)));
  }
  return absl::OkStatus();
}

absl::Status ParseDiskReserve(const std::string& text, std::optional<uint64_t>* value) {
  if (text.empty()) return absl::OkStatus();
  *value = ParseByteSize(text);
  if (value->has_value()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      fmt::format("--disk-reserve-bytes: \"{}\" is not {}", text, kByteSizeExamples));
}

Arguments Exit(int code, std::string text) {
  return Arguments{std::nullopt, code, std::move(text)};
}

}  // namespace

Arguments ParseArguments(const std::vector<std::string>& flags) {
  CLI::App app("Keeps jobs durably and fires them on time.", "belfry-scheduler");
  app.set_version_flag("--version", std::string("belfry-scheduler ") + BELFRY_VERSION);
  app.footer("Each flag --some-flag is also read from the environment, as BELFRY_SOME_FLAG.");
  app.get_formatter()->column_width(40);

  Config config;
  RawFlags raw{
      .max_unsynced = absl::FormatDuration(config.max_unsynced),
      .disk_reserve_bytes = {},
      .admin_identities = {},
  };
  AddFlags(&app, &config, &raw);
  AddTlsFlags(&app, &config, &raw);
  const LimitFlags limits(&app);
  const ReferenceFlags reference(&app);

  // CLI11 reports by exceptions.
  try {
    app.parse(ForCli11(flags));
  } catch (const CLI::CallForHelp&) {
    return Exit(0, app.help());
  } catch (const CLI::CallForVersion& version) {
    return Exit(0, fmt::format("{}\n", version.what()));
  } catch (const CLI::ParseError& error) {
    return Exit(kExitUsage, fmt::format("{}\n\n{}", error.what(), app.help()));
  }

  absl::Status status = ParseMaxUnsynced(raw.max_unsynced, &config.max_unsynced);
  if (status.ok()) status = ParseDiskReserve(raw.disk_reserve_bytes, &config.disk_reserve_bytes);
  if (!status.ok()) {
    return Exit(kExitUsage, fmt::format("{}\n", std::string(status.message())));
  }
  absl::StatusOr<Limits> limit_values = limits.Values();
  if (!limit_values.ok()) {
    return Exit(kExitUsage, fmt::format("{}\n", std::string(limit_values.status().message())));
  }
  config.limits = *std::move(limit_values);
  status = CheckTls(raw, &config);
  if (status.ok()) status = reference.CheckSupported(config.has_mutual_tls());
  if (!status.ok()) {
    return Exit(kExitRefused, fmt::format("{}\n", std::string(status.message())));
  }
  config.ignored_flags = reference.GivenWithoutMeaning();
  return Arguments{std::move(config), 0, {}};
}

}  // namespace belfry::server
