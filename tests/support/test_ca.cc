#include "tests/support/test_ca.h"

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace belfry {
namespace {

using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;
using Bio = std::unique_ptr<BIO, decltype(&BIO_free)>;

// Not CHECK, which is another macro in tests.
void Must(bool ok, const char* what) {
  if (ok) return;
  std::fprintf(stderr, "test certificate: %s failed\n", what);
  std::abort();
}

std::string Text(const Bio& bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return std::string(data, static_cast<size_t>(size));
}

std::string KeyPem(EVP_PKEY* key) {
  const Bio bio(BIO_new(BIO_s_mem()), BIO_free);
  Must(PEM_write_bio_PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr) == 1, "key");
  return Text(bio);
}

std::string CertificatePem(X509* certificate) {
  const Bio bio(BIO_new(BIO_s_mem()), BIO_free);
  Must(PEM_write_bio_X509(bio.get(), certificate) == 1, "certificate");
  return Text(bio);
}

Key NewKey(const std::string& type) {
  EVP_PKEY* const key =
      type == "EC" ? EVP_EC_gen("P-256") : EVP_PKEY_Q_keygen(nullptr, nullptr, type.c_str());
  Must(key != nullptr, "key of this type");
  return Key(key, EVP_PKEY_free);
}

void AddExtension(X509* certificate, X509* issuer, int kind, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* const extension = X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str());
  Must(extension != nullptr, value.c_str());
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

// Everything but extensions and signature.
Certificate NewCertificate(long serial, const std::string& name,
                           const TestCertificateOptions& options, EVP_PKEY* key) {
  Certificate certificate(X509_new(), X509_free);
  constexpr long kVersion3 = 2;
  X509_set_version(certificate.get(), kVersion3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), serial);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), options.not_before.count());
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), options.not_after.count());
  X509_set_pubkey(certificate.get(), key);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate.get()), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  return certificate;
}

std::string Hex(long serial) {
  const std::unique_ptr<BIGNUM, decltype(&BN_free)> number(BN_new(), BN_free);
  BN_set_word(number.get(), static_cast<BN_ULONG>(serial));
  char* const digits = BN_bn2hex(number.get());
  std::string text(digits);
  OPENSSL_free(digits);
  return text;
}

}  // namespace

struct TestCa::State {
  Key key{nullptr, EVP_PKEY_free};
  Certificate certificate{nullptr, X509_free};
  std::string pem;
  long next_serial = 1000;
};

TestCa::TestCa() : state_(std::make_unique<State>()) {
  state_->key = NewKey("EC");
  // Authorities are told apart by their names: where both are trusted the right one must be found.
  static std::atomic<int> count = 0;
  state_->certificate =
      NewCertificate(1, "test authority " + std::to_string(++count), {}, state_->key.get());
  X509* const certificate = state_->certificate.get();
  X509_set_issuer_name(certificate, X509_get_subject_name(certificate));
  AddExtension(certificate, certificate, NID_basic_constraints, "critical,CA:TRUE");
  AddExtension(certificate, certificate, NID_key_usage, "critical,keyCertSign");
  Must(X509_sign(certificate, state_->key.get(), EVP_sha256()) > 0, "signing");
  state_->pem = CertificatePem(certificate);
}

TestCa::~TestCa() = default;

const std::string& TestCa::certificate_pem() const { return state_->pem; }

TestCertificate TestCa::Issue(const TestCertificateOptions& options) {
  const long serial = state_->next_serial++;
  const Key key = NewKey(options.key_type);
  const Certificate certificate = NewCertificate(serial, "test", options, key.get());
  X509* const issuer = state_->certificate.get();
  X509_set_issuer_name(certificate.get(), X509_get_subject_name(issuer));
  AddExtension(certificate.get(), issuer, NID_ext_key_usage, "serverAuth,clientAuth");
  if (!options.names.empty()) {
    AddExtension(certificate.get(), issuer, NID_subject_alt_name, options.names);
  }
  Must(X509_sign(certificate.get(), state_->key.get(), EVP_sha256()) > 0, "signing");
  return {KeyPem(key.get()), CertificatePem(certificate.get()), Hex(serial)};
}

std::vector<std::string> TestCa::Files::Flags() const {
  return {"--tls-cert-file=" + cert, "--tls-key-file=" + key, "--tls-ca-file=" + ca};
}

TestCa::Files TestCa::WriteFiles(const std::string& folder, const std::string& name,
                                 const TestCertificateOptions& options) {
  const std::string base = (std::filesystem::path(folder) / name).string();
  const Files files{base + ".crt", base + ".key", base + ".ca"};
  const TestCertificate issued = Issue(options);
  WriteTextFile(files.cert, issued.certificate_pem);
  WriteTextFile(files.key, issued.key_pem);
  WriteTextFile(files.ca, certificate_pem());
  return files;
}

void WriteTextFile(const std::string& path, const std::string& text) {
  const std::string temporary = path + ".new";
  std::ofstream(temporary, std::ios::binary) << text;
  std::filesystem::rename(temporary, path);
}

}  // namespace belfry
