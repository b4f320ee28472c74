#include "client/src/spiffe_verifier.h"

#include <functional>
#include <utility>
#include <vector>

#include "grpcpp/support/status.h"
#include "grpcpp/support/string_ref.h"

namespace belfry::client {
namespace {

namespace experimental = grpc::experimental;

// Thread safety: constant after construction.
class SpiffeVerifier final : public experimental::ExternalCertificateVerifier {
 public:
  explicit SpiffeVerifier(std::string id) : id_(std::move(id)) {}

  bool Verify(experimental::TlsCustomVerificationCheckRequest* request,
              std::function<void(grpc::Status)>, grpc::Status* status) override {
    const std::vector<grpc::string_ref> uris = request->uri_names();
    if (uris.size() != 1 || uris.front() != id_) {
      *status = grpc::Status(grpc::StatusCode::UNAUTHENTICATED,
                             "the scheduler's certificate is not that of " + id_);
    }
    constexpr bool kDoneAtOnce = true;
    return kDoneAtOnce;
  }

  void Cancel(experimental::TlsCustomVerificationCheckRequest*) override {
    // Verify has ended when it returns.
  }

 private:
  const std::string id_;
};

}  // namespace

std::shared_ptr<experimental::CertificateVerifier> MakeSpiffeVerifier(std::string id) {
  return experimental::ExternalCertificateVerifier::Create<SpiffeVerifier>(std::move(id));
}

}  // namespace belfry::client
