#include "client/src/security.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>
#include <vector>

#include "client/src/spiffe_verifier.h"
#include "grpcpp/security/tls_certificate_provider.h"
#include "grpcpp/security/tls_credentials_options.h"

namespace belfry {
namespace {

tls::KeyFiles FilesOf(const TlsOptions& options) {
  return {options.cert_file, options.key_file, options.ca_file};
}

absl::Status Unusable(const absl::Status& status) {
  return absl::FailedPreconditionError("TLS files cannot be used: " +
                                       std::string(status.message()));
}

}  // namespace

absl::Status CheckTls(const TlsOptions& options) {
  const std::string& name = options.server_name;
  if (name == client::kSpiffeScheme || name.find_first_of(" ,") != std::string::npos) {
    return absl::InvalidArgumentError("server name \"" + name +
                                      "\": neither a host nor a SPIFFE id");
  }
  const auto material = tls::ReadKeyMaterial(FilesOf(options));
  return material.ok() ? absl::OkStatus() : Unusable(material.status());
}

namespace client {
namespace {

std::shared_ptr<grpc::ChannelCredentials> HostCredentials(const tls::KeyMaterial& material) {
  grpc::SslCredentialsOptions options;
  options.pem_root_certs = material.trusted;
  options.pem_cert_chain = material.certificates;
  options.pem_private_key = material.private_key;
  return grpc::SslCredentials(options);
}

std::shared_ptr<grpc::ChannelCredentials> SpiffeCredentials(const tls::KeyMaterial& material,
                                                            const std::string& id) {
  namespace experimental = grpc::experimental;
  std::vector<experimental::IdentityKeyCertPair> own;
  if (!material.certificates.empty()) {
    own.push_back({material.private_key, material.certificates});
  }
  experimental::TlsChannelCredentialsOptions options;
  options.set_certificate_provider(
      std::make_shared<experimental::StaticDataCertificateProvider>(material.trusted, own));
  if (!material.trusted.empty()) options.watch_root_certs();
  if (!own.empty()) options.watch_identity_key_cert_pairs();
  options.set_certificate_verifier(MakeSpiffeVerifier(id));
  options.set_check_call_host(false);
  return experimental::TlsCredentials(options);
}

std::unique_ptr<tls::KeySource> SourceOf(const std::optional<TlsOptions>& options) {
  if (!options.has_value()) return nullptr;
  return std::make_unique<tls::KeySource>(FilesOf(*options));
}

constexpr char kTlsFailed[] = "TLS with the scheduler failed: ";

// How gRPC's texts begin when a call found no connection, and what they then say of the last try.
constexpr std::array<std::string_view, 2> kUnconnected = {"failed to connect to all addresses",
                                                          "DNS resolution failed"};
constexpr std::array<std::string_view, 5> kInsecure = {
    "Ssl handshake failed", "Tls handshake failed", "is not in peer certificate",
    "Custom verification check failed", "TSI_"};
constexpr std::array<std::string_view, 5> kHungUp = {"Socket closed", "Connection reset",
                                                     "Broken pipe", "Endpoint closed",
                                                     "connection attempt timed out before"};

bool HasAny(std::string_view text, const auto& parts) {
  return std::any_of(parts.begin(), parts.end(), [text](std::string_view part) {
    return text.find(part) != std::string_view::npos;
  });
}

std::string Message(const absl::Status& status) { return std::string(status.message()); }

}  // namespace

ConnectionState StateOf(const absl::Status& status) {
  const std::string text = Message(status);
  const bool is_unconnected =
      absl::IsUnavailable(status) &&
      std::any_of(kUnconnected.begin(), kUnconnected.end(),
                  [&text](std::string_view begin) { return text.starts_with(begin); });
  if (!is_unconnected) return ConnectionState::kMade;
  if (HasAny(text, kInsecure)) return ConnectionState::kInsecure;
  return HasAny(text, kHungUp) ? ConnectionState::kUnclear : ConnectionState::kNone;
}

absl::Status Explained(const absl::Status& status, bool is_tls) {
  const ConnectionState state = StateOf(status);
  if (state == ConnectionState::kInsecure) {
    return absl::UnavailableError(kTlsFailed + Message(status));
  }
  if (state != ConnectionState::kUnclear) return status;
  if (!is_tls) {
    return absl::UnavailableError("the scheduler hung up, it may want TLS: " + Message(status));
  }
  return absl::UnavailableError(
      std::string(kTlsFailed) +
      "it hung up, so it may want another certificate of this client, or one at all: " +
      Message(status));
}

bool IsTlsFailure(const absl::Status& explained) {
  return absl::IsUnavailable(explained) && Message(explained).starts_with(kTlsFailed);
}

Security::Security(const std::optional<TlsOptions>& options)
    : server_name_(options.has_value() ? options->server_name : ""), source_(SourceOf(options)) {
  if (source_ != nullptr) return;
  current_ = std::make_shared<const ChannelSecurity>(
      ChannelSecurity{grpc::InsecureChannelCredentials(), "", false});
}

std::shared_ptr<grpc::ChannelCredentials> Security::MakeCredentials(
    const tls::KeyMaterial& material) const {
  return server_name_.starts_with(kSpiffeScheme) ? SpiffeCredentials(material, server_name_)
                                                 : HostCredentials(material);
}

absl::StatusOr<std::shared_ptr<const ChannelSecurity>> Security::Current() {
  std::lock_guard lock(mutex_);
  if (source_ == nullptr) return current_;
  auto material = source_->Current();
  if (!material.ok()) return Unusable(material.status());
  if (*material != material_) {
    const bool names_host = !server_name_.starts_with(kSpiffeScheme);
    current_ = std::make_shared<const ChannelSecurity>(ChannelSecurity{
        MakeCredentials(**material), names_host ? server_name_ : std::string(), true});
    material_ = *std::move(material);
  }
  return current_;
}

}  // namespace client
}  // namespace belfry
