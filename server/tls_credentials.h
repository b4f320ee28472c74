#pragma once

// The server's side of TLS: credentials whose certificates follow their files.

#include <memory>

#include "client/tls/key_source.h"
#include "grpcpp/security/server_credentials.h"
#include "scheduler/base/clock.h"

namespace belfry::server {

// Credentials for one listening port. Each connection begins with what `source` gives then, so new
// files are used by all connections after them, and those that are open go on as they are. Clients
// must show a certificate of a CA of the CA file, if there is one; else they are not asked. A
// client that resumes a TLS session shows none again: its calls are UNAUTHENTICATED once the one
// that it showed has expired by `clock`. `source` and `clock` are borrowed and outlive the server;
// `source` must have given something before.
std::shared_ptr<grpc::ServerCredentials> ReloadingTlsCredentials(tls::KeySource* source,
                                                                 Clock* clock);

}  // namespace belfry::server
