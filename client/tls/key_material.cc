#include "client/tls/key_material.h"

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <cerrno>
#include <cstdio>
#include <ctime>
#include <memory>
#include <utility>
#include <vector>

namespace belfry::tls {
namespace {

template <auto kFree>
struct Deleter {
  template <typename T>
  void operator()(T* object) const {
    kFree(object);
  }
};
using Bio = std::unique_ptr<BIO, Deleter<BIO_free>>;
using Certificate = std::unique_ptr<X509, Deleter<X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY_free>>;
using Number = std::unique_ptr<BIGNUM, Deleter<BN_free>>;
using File = std::unique_ptr<std::FILE, Deleter<std::fclose>>;

void FreeText(char* text) { OPENSSL_free(text); }
using Text = std::unique_ptr<char, Deleter<FreeText>>;

// OpenSSL keeps what went wrong for the thread, and gRPC, whose threads come here, would take it
// for news of its own connection.
class ErrorQueue {
 public:
  ErrorQueue() { ERR_clear_error(); }
  ~ErrorQueue() { ERR_clear_error(); }
  ErrorQueue(const ErrorQueue&) = delete;
  ErrorQueue& operator=(const ErrorQueue&) = delete;
};

absl::Status Wrong(const std::string& path, const std::string& why) {
  return absl::InvalidArgumentError(path + ": " + why);
}

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  const File file(std::fopen(path.c_str(), "rb"));
  if (file == nullptr) return absl::ErrnoToStatus(errno, path + ": cannot be opened");
  std::string content(kMaxPemFileBytes + 1, '\0');
  content.resize(std::fread(content.data(), 1, content.size(), file.get()));
  if (std::ferror(file.get()) != 0) return absl::ErrnoToStatus(errno, path + ": cannot be read");
  if (content.size() > kMaxPemFileBytes) return Wrong(path, "too long for a PEM file");
  return content;
}

Bio Reader(const std::string& text) {
  return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

// All certificates of a text, at least one.
absl::StatusOr<std::vector<Certificate>> ParseCertificates(const std::string& path,
                                                           const std::string& text) {
  const Bio reader = Reader(text);
  std::vector<Certificate> certificates;
  while (true) {
    Certificate next(PEM_read_bio_X509(reader.get(), nullptr, nullptr, nullptr));
    if (next == nullptr) break;
    certificates.push_back(std::move(next));
  }
  // The end of the text is an error as well, and the only one that is none.
  const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  if (certificates.empty()) return Wrong(path, "no certificate in PEM form is in it");
  if (!at_end) {
    return Wrong(path,
                 "what follows certificate " + std::to_string(certificates.size()) + " is damaged");
  }
  return certificates;
}

// Never asks anybody for a pass phrase.
int NoPassPhrase(char*, int, int, void*) { return -1; }

absl::StatusOr<Key> ParseKey(const std::string& path, const std::string& text) {
  const Bio reader = Reader(text);
  Key key(PEM_read_bio_PrivateKey(reader.get(), nullptr, NoPassPhrase, nullptr));
  if (key != nullptr) return key;
  if (text.find("ENCRYPTED") != std::string::npos) {
    return Wrong(path, "the private key is encrypted; a key without a pass phrase is needed");
  }
  return Wrong(path, "no private key in PEM form is in it");
}

std::string SerialOf(const X509& certificate) {
  const Number number(ASN1_INTEGER_to_BN(X509_get0_serialNumber(&certificate), nullptr));
  if (number == nullptr) return "";
  const Text digits(BN_bn2hex(number.get()));
  return digits == nullptr ? "" : digits.get();
}

absl::Time NotAfter(const X509& certificate) {
  std::tm time{};
  if (ASN1_TIME_to_tm(X509_get0_notAfter(&certificate), &time) != 1) return absl::InfiniteFuture();
  return absl::FromTM(time, absl::UTCTimeZone());
}

absl::Status ReadOwn(const KeyFiles& files, KeyMaterial* material) {
  absl::StatusOr<std::string> chain = ReadFile(files.cert_file);
  if (!chain.ok()) return chain.status();
  absl::StatusOr<std::string> key_text = ReadFile(files.key_file);
  if (!key_text.ok()) return key_text.status();
  const auto certificates = ParseCertificates(files.cert_file, *chain);
  if (!certificates.ok()) return certificates.status();
  const auto key = ParseKey(files.key_file, *key_text);
  if (!key.ok()) return key.status();
  X509& own = *certificates->front();
  if (X509_check_private_key(&own, key->get()) != 1) {
    return Wrong(files.key_file,
                 "not the private key of the first certificate in " + files.cert_file);
  }
  material->serial = SerialOf(own);
  material->not_after = NotAfter(own);
  material->certificates = *std::move(chain);
  material->private_key = *std::move(key_text);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<KeyMaterial> ReadKeyMaterial(const KeyFiles& files) {
  if (files.cert_file.empty() != files.key_file.empty()) {
    return absl::InvalidArgumentError(
        files.key_file.empty()
            ? files.cert_file + ": the file with the private key of this certificate is not given"
            : files.key_file + ": the file with the certificate of this private key is not given");
  }
  const ErrorQueue errors;
  KeyMaterial material;
  if (!files.cert_file.empty()) {
    if (absl::Status status = ReadOwn(files, &material); !status.ok()) return status;
  }
  if (!files.ca_file.empty()) {
    absl::StatusOr<std::string> trusted = ReadFile(files.ca_file);
    if (!trusted.ok()) return trusted.status();
    const auto certificates = ParseCertificates(files.ca_file, *trusted);
    if (!certificates.ok()) return certificates.status();
    material.trusted = *std::move(trusted);
  }
  return material;
}

absl::StatusOr<absl::Time> ExpiryOf(const std::string& pem) {
  const ErrorQueue errors;
  const auto certificates = ParseCertificates("certificate", pem);
  if (!certificates.ok()) return certificates.status();
  return NotAfter(*certificates->front());
}

}  // namespace belfry::tls
