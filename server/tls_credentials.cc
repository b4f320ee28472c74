#include "server/tls_credentials.h"

#include <string>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "grpc/grpc.h"
#include "grpc/grpc_security.h"
#include "scheduler/base/check.h"
#include "scheduler/base/mutex.h"

namespace belfry::server {
namespace {

constexpr std::string_view kTrue = "true";

// A property of a connection that has one value at most; empty without.
std::string_view PropertyOf(const grpc_auth_context* connection, const char* name) {
  grpc_auth_property_iterator found = grpc_auth_context_find_properties_by_name(connection, name);
  const grpc_auth_property* const property = grpc_auth_property_iterator_next(&found);
  if (property == nullptr) return {};
  return {property->value, property->value_length};
}

// TLS checks certificates when they are shown. What a resumed session says of its client was true
// when the session began, which may be long ago.
bool HasExpired(const grpc_auth_context* connection, Clock* clock) {
  if (PropertyOf(connection, GRPC_SSL_SESSION_REUSED_PROPERTY) != kTrue) return false;
  const auto expiry =
      tls::ExpiryOf(std::string(PropertyOf(connection, GRPC_X509_PEM_CERT_PROPERTY_NAME)));
  return !expiry.ok() || *expiry < clock->Now();
}

// gRPC's C++ interface knows certificates that never change, and files that it watches itself,
// which stop working when they are bad. Its C interface asks before each connection, and keeps
// what it has if there is nothing better; this makes that usable from C++.
//
// Thread safety: gRPC asks from any of its threads.
class ReloadingCredentials final : public grpc::ServerCredentials {
 public:
  ReloadingCredentials(tls::KeySource* source, Clock* clock) : source_(source), clock_(clock) {
    const auto client_certificate =
        source->files().ca_file.empty()
            ? GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE
            : GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY;
    credentials_ = grpc_ssl_server_credentials_create_with_options(
        grpc_ssl_server_credentials_create_options_using_config_fetcher(client_certificate, Fetch,
                                                                        this));
    if (source->files().ca_file.empty()) return;
    grpc_server_credentials_set_auth_metadata_processor(credentials_, {CheckCall, nullptr, this});
  }
  ~ReloadingCredentials() override { grpc_server_credentials_release(credentials_); }

  void SetAuthMetadataProcessor(const std::shared_ptr<grpc::AuthMetadataProcessor>&) override {
    CHECK(false) << "nobody processes metadata of calls";
  }

 private:
  int AddPortToServer(const std::string& address, grpc_server* server) override {
    return grpc_server_add_http2_port(server, address.c_str(), credentials_);
  }

  // Lets a call begin, or not.
  static void CheckCall(void* self, grpc_auth_context* connection, const grpc_metadata*, size_t,
                        grpc_process_auth_metadata_done_cb done, void* user_data) {
    const bool has_expired =
        HasExpired(connection, static_cast<ReloadingCredentials*>(self)->clock_);
    done(
        user_data, nullptr, 0, nullptr, 0,
        has_expired ? GRPC_STATUS_UNAUTHENTICATED : GRPC_STATUS_OK,
        has_expired ? "the client's certificate has expired since its TLS session began" : nullptr);
  }

  static grpc_ssl_certificate_config_reload_status Fetch(
      void* self, grpc_ssl_server_certificate_config** config) {
    return static_cast<ReloadingCredentials*>(self)->Reload(config);
  }

  grpc_ssl_certificate_config_reload_status Reload(grpc_ssl_server_certificate_config** config) {
    const auto current = source_->Current();
    if (!current.ok()) return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_FAIL;
    MutexLock lock(&mutex_);
    if (*current == given_) return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_UNCHANGED;
    given_ = *current;
    const grpc_ssl_pem_key_cert_pair pair = {given_->private_key.c_str(),
                                             given_->certificates.c_str()};
    // gRPC wants some certificates to trust, also if it asks nobody for one.
    const std::string& trusted = given_->trusted.empty() ? given_->certificates : given_->trusted;
    *config = grpc_ssl_server_certificate_config_create(trusted.c_str(), &pair, 1);
    return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_NEW;
  }

  tls::KeySource* const source_;
  Clock* const clock_;
  grpc_server_credentials* credentials_ = nullptr;

  Mutex mutex_;
  // What gRPC has.
  std::shared_ptr<const tls::KeyMaterial> given_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

std::shared_ptr<grpc::ServerCredentials> ReloadingTlsCredentials(tls::KeySource* source,
                                                                 Clock* clock) {
  return std::make_shared<ReloadingCredentials>(source, clock);
}

}  // namespace belfry::server
