#include "server/tls_credentials.h"

#include <string>

#include "absl/base/thread_annotations.h"
#include "grpc/grpc.h"
#include "grpc/grpc_security.h"
#include "scheduler/base/check.h"
#include "scheduler/base/mutex.h"

namespace belfry::server {
namespace {

// gRPC's C++ interface knows certificates that never change, and files that it watches itself,
// which stop working when they are bad. Its C interface asks before each connection, and keeps
// what it has if there is nothing better; this makes that usable from C++.
//
// Thread safety: gRPC asks from any of its threads.
class ReloadingCredentials final : public grpc::ServerCredentials {
 public:
  explicit ReloadingCredentials(tls::KeySource* source) : source_(source) {
    const auto client_certificate =
        source->files().ca_file.empty()
            ? GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE
            : GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY;
    credentials_ = grpc_ssl_server_credentials_create_with_options(
        grpc_ssl_server_credentials_create_options_using_config_fetcher(client_certificate, Fetch,
                                                                        this));
  }
  ~ReloadingCredentials() override { grpc_server_credentials_release(credentials_); }

  void SetAuthMetadataProcessor(const std::shared_ptr<grpc::AuthMetadataProcessor>&) override {
    CHECK(false) << "nobody processes metadata of calls";
  }

 private:
  int AddPortToServer(const std::string& address, grpc_server* server) override {
    return grpc_server_add_http2_port(server, address.c_str(), credentials_);
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
  grpc_server_credentials* credentials_ = nullptr;

  Mutex mutex_;
  // What gRPC has.
  std::shared_ptr<const tls::KeyMaterial> given_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

std::shared_ptr<grpc::ServerCredentials> ReloadingTlsCredentials(tls::KeySource* source) {
  return std::make_shared<ReloadingCredentials>(source);
}

}  // namespace belfry::server
