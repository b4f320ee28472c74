#pragma once

// How belfry::Client and belfry::Worker speak TLS with schedulers.

#include <string>

#include "absl/status/status.h"

namespace belfry {

// Files are in PEM form and are read again when they have changed: connections that are made after
// that use what is in them then, without a restart. Until new files are good and fit together those
// before them stay in use. Ordinary value semantics.
struct TlsOptions {
  // Certificates of the CAs that a scheduler's certificate must come from; empty means those that
  // the system trusts.
  std::string ca_file;
  // The own certificate, followed by those that lead to its CA, and its private key, not encrypted.
  // Both or neither. Schedulers with mutual TLS want them; whose jobs a client may work with then
  // depends on its certificate.
  std::string cert_file;
  std::string key_file;
  // Whom a scheduler's certificate must name, if not the host of its address: another host name, or
  // a SPIFFE id such as spiffe://example.org/ns/belfry/scheduler.
  std::string server_name;
};

// Whether a client can begin with these options: FailedPrecondition, with the name of the file, if
// one cannot be read or has the wrong content, or a certificate or a key is given alone;
// InvalidArgument if the server's name can be none. Any thread.
absl::Status CheckTls(const TlsOptions& options);

}  // namespace belfry
