#include "server/access.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <utility>

#include "fmt/format.h"
#include "grpc/grpc_security_constants.h"
#include "grpcpp/security/auth_context.h"
#include "server/spiffe_id.h"

namespace belfry::server {
namespace {

constexpr std::string_view kUnixSocket = "unix:";

// The texts are those of the reference: clients may look for them.
absl::Status NoIdentity() {
  return absl::UnauthenticatedError("failed to get identity from context");
}

std::string_view Trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

// The one id of a caller. By the standard a certificate with several URIs names nobody.
const std::string* IdOf(const Caller& caller) {
  return caller.uris.size() == 1 ? &caller.uris.front() : nullptr;
}

}  // namespace

Caller CallerOf(const grpc::ServerContextBase& call) {
  Caller caller;
  caller.is_local = call.peer().starts_with(kUnixSocket);
  const std::shared_ptr<const grpc::AuthContext> context = call.auth_context();
  if (context == nullptr) return caller;
  for (const grpc::string_ref& uri : context->FindPropertyValues(GRPC_PEER_URI_PROPERTY_NAME)) {
    caller.uris.emplace_back(uri.data(), uri.size());
  }
  return caller;
}

absl::StatusOr<std::vector<std::string>> ParseIdentities(std::string_view list) {
  std::vector<std::string> ids;
  if (Trimmed(list).empty()) return ids;
  while (true) {
    const size_t comma = list.find(',');
    const std::string_view id = Trimmed(list.substr(0, comma));
    if (!IsSpiffeId(id)) {
      return absl::InvalidArgumentError(
          fmt::format("\"{}\": not a SPIFFE id such as spiffe://example.org/ops/alice", id));
    }
    ids.emplace_back(id);
    if (comma == std::string_view::npos) return ids;
    list.remove_prefix(comma + 1);
  }
}

Access Access::MutualTls(std::vector<std::string> admins) {
  Access access;
  access.mutual_tls_ = true;
  access.admins_ = std::move(admins);
  return access;
}

bool Access::IsAdmin(const std::string& id) const {
  return std::find(admins_.begin(), admins_.end(), id) != admins_.end();
}

absl::Status Access::CheckApp(const Caller& caller, std::string_view ns,
                              std::string_view app_id) const {
  if (ns.empty() || app_id.empty()) {
    return absl::InvalidArgumentError("missing namespace or appID in request");
  }
  if (!mutual_tls_) return absl::OkStatus();
  const std::string* const id = IdOf(caller);
  if (id == nullptr) return NoIdentity();
  if (IsAdmin(*id)) return absl::OkStatus();
  const std::optional<AppIdentity> app = ParseAppIdentity(*id);
  if (!app.has_value()) return NoIdentity();
  if (app->ns == ns && app->app_id == app_id) return absl::OkStatus();
  return absl::PermissionDeniedError("identity does not match request");
}

absl::Status Access::RequireAdmin(const Caller& caller) const {
  if (!mutual_tls_) {
    if (caller.is_local) return absl::OkStatus();
    return absl::PermissionDeniedError(
        "without mutual TLS this call is only for clients of the Unix socket in the data "
        "directory");
  }
  const std::string* const id = IdOf(caller);
  if (id == nullptr || !IsSpiffeId(*id)) return NoIdentity();
  if (IsAdmin(*id)) return absl::OkStatus();
  return absl::PermissionDeniedError(
      fmt::format("\"{}\" is not one of the identities of --admin-identities", *id));
}

}  // namespace belfry::server
