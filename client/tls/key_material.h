#pragma once

// KeyMaterial: what one side of a TLS connection shows and whom it trusts, as PEM texts that were
// read from files and belong together.

#include <cstddef>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace belfry::tls {

// A longer file is refused: it is no certificate.
inline constexpr size_t kMaxPemFileBytes = size_t{1} << 20;

// Paths of PEM files; an empty one means that there is none.
struct KeyFiles {
  std::string cert_file;  // the own certificate, then those that lead to its CA
  std::string key_file;   // its private key, not encrypted; given exactly if cert_file is
  std::string ca_file;    // certificates of the CAs that are trusted

  friend bool operator==(const KeyFiles&, const KeyFiles&) = default;
};

struct KeyMaterial {
  // Contents of the files; empty where there is none.
  std::string certificates;
  std::string private_key;
  std::string trusted;
  // Of the own certificate: its serial number in hexadecimal digits, as `openssl x509` prints it,
  // and until when it is valid. Empty and InfiniteFuture() if there is none.
  std::string serial;
  absl::Time not_after = absl::InfiniteFuture();

  friend bool operator==(const KeyMaterial&, const KeyMaterial&) = default;
};

// Reads the files, and checks that they hold certificates and that the key is the certificate's.
// Errors name the file: NotFound or another code of the system's if one cannot be read, and
// InvalidArgument if its content will not do, or a key or a certificate is given alone. Whether
// a certificate is valid at present is not looked at: peers do that, by their clocks. Any thread.
absl::StatusOr<KeyMaterial> ReadKeyMaterial(const KeyFiles& files);

// Until when the first certificate of a PEM text is valid; InvalidArgument if there is none. Any
// thread.
absl::StatusOr<absl::Time> ExpiryOf(const std::string& pem);

}  // namespace belfry::tls
