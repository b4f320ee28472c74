#pragma once

// A check of a scheduler's certificate that knows SPIFFE ids; gRPC's own knows hosts only.

#include <memory>
#include <string>

#include "grpcpp/security/tls_certificate_verifier.h"

namespace belfry::client {

inline constexpr char kSpiffeScheme[] = "spiffe://";

// Accepts certificates whose only URI is `id`. That they come from a trusted CA is checked before.
std::shared_ptr<grpc::experimental::CertificateVerifier> MakeSpiffeVerifier(std::string id);

}  // namespace belfry::client
