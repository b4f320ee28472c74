#pragma once

// TestCa: an authority of its own, and certificates from it, made when a test needs them.

#include <chrono>
#include <memory>
#include <string>
#include <vector>

namespace belfry {

// A private key and its certificate, as PEM.
struct TestCertificate {
  std::string key_pem;
  std::string certificate_pem;
  std::string serial;  // hexadecimal digits, as `openssl x509` prints them
};

struct TestCertificateOptions {
  // As OpenSSL writes alternative names: "URI:spiffe://td/ns/default/app,DNS:localhost".
  std::string names{};
  // From now; negative ones lie in the past.
  std::chrono::seconds not_before{-60};
  std::chrono::seconds not_after{3600};
  // "EC" (P-256) or "ED25519".
  std::string key_type = "EC";
};

// Thread safety: belongs to the test's main thread.
class TestCa {
 public:
  TestCa();
  ~TestCa();
  TestCa(const TestCa&) = delete;
  TestCa& operator=(const TestCa&) = delete;

  // The authority's own certificate.
  const std::string& certificate_pem() const;

  // A certificate for servers and clients alike. Serial numbers are never used twice.
  TestCertificate Issue(const TestCertificateOptions& options);

  // Paths of three files of one folder.
  struct Files {
    std::string cert;
    std::string key;
    std::string ca;
    // --tls-cert-file, --tls-key-file and --tls-ca-file.
    std::vector<std::string> Flags() const;
  };
  // Issues a certificate and writes it, its key and the authority's certificate to
  // <folder>/<name>.crt, .key and .ca.
  Files WriteFiles(const std::string& folder, const std::string& name,
                   const TestCertificateOptions& options);

 private:
  struct State;
  const std::unique_ptr<State> state_;
};

// Replaces a file at once, or makes it.
void WriteTextFile(const std::string& path, const std::string& text);

}  // namespace belfry
