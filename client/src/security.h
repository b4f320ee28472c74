#pragma once

// Security: how a client's connections are protected, now.

#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "belfry/tls.h"
#include "client/tls/key_source.h"
#include "grpcpp/security/credentials.h"

namespace belfry::client {

// What a channel is made with. Constant after construction.
struct ChannelSecurity {
  std::shared_ptr<grpc::ChannelCredentials> credentials;
  // The host that certificates must name instead of the address's; empty for that one.
  std::string server_name;
  bool is_tls = false;
};

// Thread safety: all methods may be called from any thread.
class Security {
 public:
  // Without options nothing is protected.
  explicit Security(const std::optional<TlsOptions>& options);

  // What new channels are made with: the same object as the last time until files change.
  // FailedPrecondition, with the name of a file, as long as none of them were ever good.
  absl::StatusOr<std::shared_ptr<const ChannelSecurity>> Current();

 private:
  std::shared_ptr<grpc::ChannelCredentials> MakeCredentials(const tls::KeyMaterial& material) const;

  const std::string server_name_;
  const std::unique_ptr<tls::KeySource> source_;  // null without TLS

  std::mutex mutex_;
  // Guarded by mutex_.
  std::shared_ptr<const tls::KeyMaterial> material_;  // what current_ was made of
  std::shared_ptr<const ChannelSecurity> current_;
};

// What became of the connection that a call was to use, as far as gRPC tells. It tells by texts
// only.
enum class ConnectionState {
  kMade,      // the call ended for other reasons, or well
  kNone,      // nobody was reached; the call was not sent
  kUnclear,   // somebody was reached and hung up at once; the call was not sent
  kInsecure,  // TLS failed: a certificate is not accepted, or one side does not speak TLS
};
ConnectionState StateOf(const absl::Status& status);

// A call's status, with what TLS has to do with it: gRPC's own words for that are understood by
// few. The code stays, and so do statuses that have nothing to do with TLS. `is_tls` says whether
// the client speaks TLS.
absl::Status Explained(const absl::Status& status, bool is_tls);

// Whether Explained found that TLS failed.
bool IsTlsFailure(const absl::Status& explained);

}  // namespace belfry::client
