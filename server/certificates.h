#pragma once

// Certificates: the scheduler's own certificate, key and trusted CAs, with what is logged and
// measured of them.

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "client/tls/key_source.h"
#include "grpcpp/security/server_credentials.h"
#include "prometheus/metric_family.h"
#include "scheduler/base/clock.h"

namespace belfry::server {

// Files that have changed are taken up by the next connection. One that will not do is logged, once
// for each state of the files, and those before it stay in use.
//
// Thread safety: all methods may be called from any thread.
class Certificates {
 public:
  // Reads the files; the errors are those of tls::ReadKeyMaterial. `clock` is borrowed, and tells
  // when a certificate has expired.
  static absl::StatusOr<std::unique_ptr<Certificates>> Load(tls::KeyFiles files, Clock* clock);

  // For one listening port; this must outlive its server.
  std::shared_ptr<grpc::ServerCredentials> NewCredentials();

  // Looks whether the files have changed, so that the log tells of it while nobody connects.
  void Refresh();

  // When the certificate in use expires, and how often files were rejected.
  std::vector<prometheus::MetricFamily> Metrics();

 private:
  Certificates(tls::KeyFiles files, Clock* clock);

  void LogLoaded(const tls::KeyMaterial& material) const;
  void CountRejected(const absl::Status& status);

  Clock* const clock_;
  std::atomic<bool> in_use_ = false;  // something good was read
  std::atomic<uint64_t> rejected_ = 0;
  tls::KeySource source_;
};

}  // namespace belfry::server
