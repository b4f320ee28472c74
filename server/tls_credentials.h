#pragma once

// The server's side of TLS: credentials whose certificates follow their files.

#include <memory>

#include "client/tls/key_source.h"
#include "grpcpp/security/server_credentials.h"

namespace belfry::server {

// Credentials for one listening port. Each connection begins with what `source` gives then, so new
// files are used by all connections after them, and those that are open go on as they are. Clients
// must show a certificate of a CA of the CA file, if there is one; else they are not asked.
// `source` is borrowed, outlives the server, and must have given something before.
std::shared_ptr<grpc::ServerCredentials> ReloadingTlsCredentials(tls::KeySource* source);

}  // namespace belfry::server
