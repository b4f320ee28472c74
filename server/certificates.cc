#include "server/certificates.h"

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "prometheus/client_metric.h"
#include "prometheus/metric_type.h"
#include "server/tls_credentials.h"
#include "spdlog/spdlog.h"

namespace belfry::server {

Certificates::Certificates(tls::KeyFiles files, Clock* clock)
    : clock_(clock),
      source_(std::move(files),
              {.on_loaded = [this](const tls::KeyMaterial& material) { LogLoaded(material); },
               .on_rejected = [this](const absl::Status& status) { CountRejected(status); }}) {}

absl::StatusOr<std::unique_ptr<Certificates>> Certificates::Load(tls::KeyFiles files,
                                                                 Clock* clock) {
  std::unique_ptr<Certificates> certificates(new Certificates(std::move(files), clock));
  if (const auto material = certificates->source_.Current(); !material.ok()) {
    return material.status();
  }
  certificates->in_use_ = true;
  return certificates;
}

std::shared_ptr<grpc::ServerCredentials> Certificates::NewCredentials() {
  return ReloadingTlsCredentials(&source_, clock_);
}

void Certificates::Refresh() {
  // Once something was read there is always something to use; what is wrong is told by the events.
  source_.Current().IgnoreError();
}

void Certificates::LogLoaded(const tls::KeyMaterial& material) const {
  const std::string until =
      absl::FormatTime(absl::RFC3339_sec, material.not_after, absl::UTCTimeZone());
  spdlog::info("certificate in use file={} serial={} valid_until={}", source_.files().cert_file,
               material.serial, until);
  if (material.not_after >= clock_->Now()) return;
  spdlog::error("the certificate has expired, clients will refuse it file={} valid_until={}",
                source_.files().cert_file, until);
}

void Certificates::CountRejected(const absl::Status& status) {
  if (!in_use_) return;  // the start ends with it
  ++rejected_;
  spdlog::error("new TLS files will not do, those before stay in use: {}",
                std::string(status.message()));
}

std::vector<prometheus::MetricFamily> Certificates::Metrics() {
  std::vector<prometheus::MetricFamily> families;
  if (const auto material = source_.Current(); material.ok()) {
    prometheus::ClientMetric expiry;
    expiry.gauge.value = static_cast<double>(absl::ToUnixSeconds((*material)->not_after));
    families.push_back({"belfry_tls_certificate_expiry_timestamp_seconds",
                        "When the certificate in use expires, in seconds since 1970",
                        prometheus::MetricType::Gauge,
                        {std::move(expiry)}});
  }
  prometheus::ClientMetric rejected;
  rejected.counter.value = static_cast<double>(rejected_.load());
  families.push_back({"belfry_tls_rejected_files_total",
                      "Times that new TLS files would not do",
                      prometheus::MetricType::Counter,
                      {std::move(rejected)}});
  return families;
}

}  // namespace belfry::server
