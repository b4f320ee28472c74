#pragma once

// What the sidecar tells about itself.

#include <map>
#include <mutex>
#include <string>

#include "absl/status/status.h"
#include "client/sidecar/config.h"
#include "client/sidecar/scheduler_hosts.h"
#include "dapr/proto/runtime/v1/metadata.pb.h"

namespace belfry::sidecar {

// Thread safety: all methods may be called from any thread.
class Metadata {
 public:
  // Both must outlive this object.
  Metadata(const Config& config, const SchedulerHosts& hosts) : config_(config), hosts_(hosts) {}

  // Adds or replaces an entry of the client's. InvalidArgument if the key is empty,
  // ResourceExhausted if there are more entries or bytes than kMaxMetadataEntries and
  // kMaxMetadataBytes; then nothing is changed.
  absl::Status Set(const std::string& key, const std::string& value);

  dapr::proto::runtime::v1::GetMetadataResponse Get() const;

 private:
  const Config& config_;
  const SchedulerHosts& hosts_;
  mutable std::mutex mutex_;
  std::map<std::string, std::string> entries_;  // under mutex_
};

// The JSON of GET /v1.0/metadata.
std::string MetadataToJson(const dapr::proto::runtime::v1::GetMetadataResponse& metadata);

}  // namespace belfry::sidecar
