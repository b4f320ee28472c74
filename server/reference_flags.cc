#include "server/reference_flags.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "fmt/format.h"
#include "server/flag_names.h"

namespace belfry::server {
namespace {

constexpr char kRefusedGroup[] = "Accepted only with values that ask for one scheduler and no etcd";
constexpr char kSecurityGroup[] =
    "Accepted with the files of mutual TLS, and if they do not ask for TLS";
constexpr char kStandalone[] = "standalone";
constexpr char kUnusedGroup[] = "Accepted for the sake of existing command lines, without effect";

struct UnusedFlag {
  std::string_view name;
  bool is_switch = false;
};

// The last three are of versions before 1.16.
constexpr std::array<UnusedFlag, 23> kUnusedFlags = {{
    {"etcd-client-listen-address"},
    {"etcd-client-port"},
    {"etcd-space-quota"},
    {"etcd-compaction-mode"},
    {"etcd-compaction-retention"},
    {"etcd-snapshot-count"},
    {"etcd-max-snapshots"},
    {"etcd-max-wals"},
    {"etcd-backend-batch-limit"},
    {"etcd-backend-batch-interval"},
    {"etcd-max-txn-ops"},
    {"etcd-experimental-bootstrap-defrag-threshold-megabytes"},
    {"etcd-initial-election-tick-advance", true},
    {"etcd-metrics"},
    {"identity-directory-write"},
    {"log-file"},
    {"metrics-listen-address"},
    {"trust-anchors-file"},
    {"trust-domain"},
    {"workers"},
    {"etcd-client-ports"},
    {"etcd-client-http-ports"},
    {"placement-address"},
}};

// How many members "a=http://a:2380,b=http://b:2380" names.
auto CountMembers(const std::string& cluster) {
  return 1 + std::count(cluster.begin(), cluster.end(), ',');
}

}  // namespace

ReferenceFlags::ReferenceFlags(CLI::App* app) : app_(app) {
  DeclareRefused();
  for (const UnusedFlag& flag : kUnusedFlags) {
    const std::string name(flag.name);
    if (flag.is_switch) {
      AddSwitch(name, &unused_switch_, "", kUnusedGroup);
    } else {
      AddText(name, &unused_text_, "", kUnusedGroup);
    }
  }
}

CLI::Option* ReferenceFlags::AddText(const std::string& flag, std::string* value,
                                     const std::string& help, const std::string& group) {
  return app_->add_option("--" + flag, *value, help)
      ->envname(EnvironmentName(flag))
      ->take_last()
      ->group(group);
}

CLI::Option* ReferenceFlags::AddSwitch(const std::string& flag, bool* value,
                                       const std::string& help, const std::string& group) {
  return app_->add_flag("--" + flag, *value, help)
      ->envname(EnvironmentName(flag))
      ->take_last()
      ->group(group);
}

void ReferenceFlags::DeclareRefused() {
  AddSwitch("etcd-embed", &etcd_embed_, "only true (the default)", kRefusedGroup);
  AddText("etcd-initial-cluster", &initial_cluster_, "at most one member", kRefusedGroup);
  AddText("initial-cluster", &old_initial_cluster_, "the same, older", kRefusedGroup);
  AddText("replica-count", &replica_count_, "only 1", kRefusedGroup);
  AddText("etcd-client-endpoints", &client_endpoints_, "only empty", kRefusedGroup);
  AddText("etcd-client-username", &client_username_, "only empty", kRefusedGroup);
  AddText("etcd-client-password", &client_password_, "only empty", kRefusedGroup);
  AddSwitch("tls-enabled", &tls_enabled_, "else only false", kSecurityGroup);
  AddText("mode", &mode_, "else only standalone", kSecurityGroup);
  AddText("sentry-address", &sentry_address_, "else only empty", kSecurityGroup);
  AddText("kubeconfig", &kubeconfig_, "only empty", kRefusedGroup);
}

absl::Status ReferenceFlags::CheckEtcd() const {
  if (etcd_embed_ && client_endpoints_.empty() && client_username_.empty() &&
      client_password_.empty()) {
    return absl::OkStatus();
  }
  return absl::UnimplementedError(
      "--etcd-embed=false, --etcd-client-endpoints, --etcd-client-username, "
      "--etcd-client-password: jobs are kept in --data-dir, an etcd cluster cannot be used; leave "
      "the flags out");
}

absl::Status ReferenceFlags::CheckMembers() const {
  for (const auto& [flag, cluster] : {std::pair("etcd-initial-cluster", &initial_cluster_),
                                      std::pair("initial-cluster", &old_initial_cluster_)}) {
    if (CountMembers(*cluster) < 2) continue;
    return absl::UnimplementedError(fmt::format(
        "--{} names {} members: schedulers do not share jobs, and several behind one name would "
        "each keep a part of them; run one replica, and leave the flag out or name one member",
        flag, CountMembers(*cluster)));
  }
  if (replica_count_.empty() || replica_count_ == "1") return absl::OkStatus();
  return absl::UnimplementedError(
      fmt::format("--replica-count={}: schedulers do not share jobs, and several behind one name "
                  "would each keep a part of them; run one replica and leave the flag out",
                  replica_count_));
}

absl::Status ReferenceFlags::CheckSecurity() const {
  std::string asked;
  if (tls_enabled_) {
    asked = "--tls-enabled";
  } else if (mode_ != kStandalone) {
    asked = fmt::format("--mode={}", mode_);
  } else if (!sentry_address_.empty()) {
    asked = fmt::format("--sentry-address={}", sentry_address_);
  }
  if (asked.empty()) return absl::OkStatus();
  return absl::UnimplementedError(fmt::format(
      "{}: asks for mutual TLS, whose certificates are not asked of a Dapr Sentry but read from "
      "files; give --tls-cert-file, --tls-key-file and --tls-ca-file, or leave the flag out and "
      "keep the gRPC port inside a network that you trust",
      asked));
}

absl::Status ReferenceFlags::CheckSupported(bool has_mutual_tls) const {
  if (absl::Status status = CheckEtcd(); !status.ok()) return status;
  if (absl::Status status = CheckMembers(); !status.ok()) return status;
  if (!has_mutual_tls) {
    if (absl::Status status = CheckSecurity(); !status.ok()) return status;
  }
  if (!kubeconfig_.empty()) {
    return absl::UnimplementedError(
        fmt::format("--kubeconfig={}: the scheduler does not talk to Kubernetes, also inside of "
                    "it; leave the flag out",
                    kubeconfig_));
  }
  return absl::OkStatus();
}

std::vector<std::string> ReferenceFlags::GivenWithoutMeaning() const {
  std::vector<std::string> given;
  for (const UnusedFlag& flag : kUnusedFlags) {
    std::string name = fmt::format("--{}", flag.name);
    if (app_->get_option(name)->count() > 0) given.push_back(std::move(name));
  }
  if (tls_enabled_) given.emplace_back("--tls-enabled");
  if (mode_ != kStandalone) given.emplace_back("--mode");
  if (!sentry_address_.empty()) given.emplace_back("--sentry-address");
  return given;
}

}  // namespace belfry::server
