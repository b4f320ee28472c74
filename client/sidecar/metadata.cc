#include "client/sidecar/metadata.h"

#include <fmt/format.h>

#include "client/sidecar/json_text.h"
#include "client/sidecar/limits.h"

namespace belfry::sidecar {
namespace {

using dapr::proto::runtime::v1::ActorRuntime;
using dapr::proto::runtime::v1::AppConnectionProperties;
using dapr::proto::runtime::v1::GetMetadataResponse;

// Appends members of one JSON object.
class ObjectWriter {
 public:
  explicit ObjectWriter(std::string* out) : out_(out) { out_->push_back('{'); }

  void Name(std::string_view name) {
    if (!first_) out_->push_back(',');
    first_ = false;
    AppendGoJsonString(out_, name);
    out_->push_back(':');
  }
  // Empty texts and zeros are left out.
  void Text(std::string_view name, const std::string& text) {
    if (text.empty()) return;
    Name(name);
    AppendGoJsonString(out_, text);
  }
  void Number(std::string_view name, int number) {
    if (number == 0) return;
    Name(name);
    fmt::format_to(std::back_inserter(*out_), "{}", number);
  }
  void End() { out_->push_back('}'); }

 private:
  std::string* const out_;
  bool first_ = true;
};

void AppendAppConnection(const AppConnectionProperties& app, std::string* out) {
  ObjectWriter object(out);
  object.Number("port", app.port());
  object.Text("protocol", app.protocol());
  object.Text("channelAddress", app.channel_address());
  object.Number("maxConcurrency", app.max_concurrency());
  if (app.has_health()) {
    object.Name("health");
    ObjectWriter health(out);
    health.Text("healthCheckPath", app.health().health_check_path());
    health.Text("healthProbeInterval", app.health().health_probe_interval());
    health.Text("healthProbeTimeout", app.health().health_probe_timeout());
    health.Number("healthThreshold", app.health().health_threshold());
    health.End();
  }
  object.End();
}

void AppendScheduler(const GetMetadataResponse& metadata, std::string* out) {
  ObjectWriter object(out);
  object.Name("connected_addresses");
  out->push_back('[');
  for (bool first = true; const std::string& address : metadata.scheduler().connected_addresses()) {
    if (!first) out->push_back(',');
    first = false;
    AppendGoJsonString(out, address);
  }
  out->push_back(']');
  object.End();
}

}  // namespace

absl::Status Metadata::Set(const std::string& key, const std::string& value) {
  if (key.empty()) return absl::InvalidArgumentError("metadata key is empty");
  const std::lock_guard lock(mutex_);
  std::size_t bytes = key.size() + value.size();
  std::size_t count = 1;
  for (const auto& [other_key, other_value] : entries_) {
    if (other_key == key) continue;
    bytes += other_key.size() + other_value.size();
    ++count;
  }
  if (bytes > kMaxMetadataBytes || count > kMaxMetadataEntries) {
    return absl::ResourceExhaustedError(fmt::format(
        "metadata is limited to {} entries and {} bytes", kMaxMetadataEntries, kMaxMetadataBytes));
  }
  entries_[key] = value;
  return absl::OkStatus();
}

GetMetadataResponse Metadata::Get() const {
  GetMetadataResponse response;
  response.set_id(config_.app_id);
  response.set_runtime_version(BELFRY_VERSION);
  auto& extended = *response.mutable_extended_metadata();
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [key, value] : entries_) extended[key] = value;
  }
  extended["daprRuntimeVersion"] = BELFRY_VERSION;

  AppConnectionProperties& app = *response.mutable_app_connection_properties();
  app.set_port(config_.app_port);
  std::string protocol = config_.app_protocol == AppProtocol::kGrpc ? "grpc" : "http";
  if (config_.app_tls) protocol += "s";
  app.set_protocol(config_.app_http2 ? "h2c" : protocol);
  app.set_channel_address(config_.app_channel_address);
  if (config_.app_max_concurrency > 0) app.set_max_concurrency(config_.app_max_concurrency);
  if (config_.enable_app_health_check) {
    auto& health = *app.mutable_health();
    if (config_.app_protocol == AppProtocol::kHttp) {
      health.set_health_check_path(config_.app_health_check_path);
    }
    health.set_health_probe_interval(absl::FormatDuration(config_.app_health_probe_interval));
    health.set_health_probe_timeout(absl::FormatDuration(config_.app_health_probe_timeout));
    health.set_health_threshold(config_.app_health_threshold);
  }
  response.mutable_actor_runtime()->set_runtime_status(ActorRuntime::DISABLED);
  if (hosts_.enabled()) {
    auto& scheduler = *response.mutable_scheduler();
    for (const std::string& host : hosts_.hosts()) scheduler.add_connected_addresses(host);
  }
  return response;
}

std::string MetadataToJson(const GetMetadataResponse& metadata) {
  std::string out;
  ObjectWriter object(&out);
  object.Text("id", metadata.id());
  object.Text("runtimeVersion", metadata.runtime_version());
  object.Name("extended");
  ObjectWriter extended(&out);
  const std::map<std::string, std::string> sorted(metadata.extended_metadata().begin(),
                                                  metadata.extended_metadata().end());
  for (const auto& [key, value] : sorted) {
    extended.Name(key);
    AppendGoJsonString(&out, value);
  }
  extended.End();
  object.Name("appConnectionProperties");
  AppendAppConnection(metadata.app_connection_properties(), &out);
  object.Name("actorRuntime");
  ObjectWriter actors(&out);
  actors.Text("runtimeStatus",
              ActorRuntime::ActorRuntimeStatus_Name(metadata.actor_runtime().runtime_status()));
  actors.Name("hostReady");
  out.append(metadata.actor_runtime().host_ready() ? "true" : "false");
  actors.Text("placement", metadata.actor_runtime().placement());
  actors.End();
  if (metadata.has_scheduler()) {
    object.Name("scheduler");
    AppendScheduler(metadata, &out);
  }
  object.End();
  return out;
}

}  // namespace belfry::sidecar
