#pragma once

// Access: who may do what. With mutual TLS a client is who its certificate says it is, and may do
// what concerns its own app; without, everybody may do everything that has to do with jobs.

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "grpcpp/server_context.h"

namespace belfry::server {

// What is known of the client of a call. Ordinary value semantics.
struct Caller {
  // The URIs that its certificate carries; none without a certificate.
  std::vector<std::string> uris;
  // Whether it came over a Unix socket, and so had the right to open that file.
  bool is_local = false;
};

// The client of a call. Any thread, while the call lives.
Caller CallerOf(const grpc::ServerContextBase& call);

// The ids of a list that is separated by commas; blanks around them do not count. InvalidArgument,
// with the id, if one is not a SPIFFE id.
absl::StatusOr<std::vector<std::string>> ParseIdentities(std::string_view list);

// Thread safety: constant after construction.
class Access {
 public:
  // Without mutual TLS.
  Access() = default;
  // With mutual TLS; the SPIFFE ids `admins` may do everything, for the apps of all namespaces.
  static Access MutualTls(std::vector<std::string> admins);

  // Whether a caller may do what concerns an app: read and change its jobs, and receive them.
  // InvalidArgument if namespace or app id is missing; with mutual TLS Unauthenticated if the
  // caller's certificate names no app, and PermissionDenied if it names another one.
  absl::Status CheckApp(const Caller& caller, std::string_view ns, std::string_view app_id) const;

  // Whether a caller may administer the scheduler. With mutual TLS only the identities that are
  // listed: else Unauthenticated without a SPIFFE id, and PermissionDenied with another one.
  // Without mutual TLS only callers of a Unix socket: else PermissionDenied.
  absl::Status RequireAdmin(const Caller& caller) const;
  absl::Status RequireAdmin(const grpc::ServerContextBase& call) const {
    return RequireAdmin(CallerOf(call));
  }

 private:
  bool IsAdmin(const std::string& id) const;

  bool mutual_tls_ = false;
  std::vector<std::string> admins_;
};

}  // namespace belfry::server
