#include "client/tls/key_material.h"

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "tests/support/temp_dir.h"
#include "tests/support/test_ca.h"

namespace belfry::tls {
namespace {

struct Fixture {
  TempDir dir;
  TestCa ca;
  TestCa::Files files = ca.WriteFiles(dir.path(), "own", {});
  KeyFiles paths{files.cert, files.key, files.ca};
};

std::string ReadAll(const std::string& path) {
  std::ifstream file(path);
  return std::string{std::istreambuf_iterator<char>(file), {}};
}

// What the files are refused for.
std::string Refusal(const KeyFiles& paths) {
  const auto material = ReadKeyMaterial(paths);
  REQUIRE_FALSE(material.ok());
  return std::string(material.status().message());
}

TEST_CASE("files that belong together are read as they are") {
  const TempDir dir;
  TestCa ca;
  const TestCertificate own = ca.Issue({.key_type = GENERATE("EC", "ED25519")});
  WriteTextFile(dir / "c", own.certificate_pem + ca.certificate_pem());
  WriteTextFile(dir / "k", own.key_pem);
  WriteTextFile(dir / "a", ca.certificate_pem() + ca.certificate_pem());
  const auto material = ReadKeyMaterial({dir / "c", dir / "k", dir / "a"});
  REQUIRE(material.ok());
  CHECK(material->certificates == own.certificate_pem + ca.certificate_pem());
  CHECK(material->private_key == own.key_pem);
  CHECK(material->trusted == ca.certificate_pem() + ca.certificate_pem());
  CHECK(material->serial == own.serial);
}

TEST_CASE("the end of the own certificate's validity is told, past or to come") {
  const TempDir dir;
  TestCa ca;
  const auto files =
      ca.WriteFiles(dir.path(), "old",
                    {.not_before = std::chrono::hours(-48), .not_after = std::chrono::hours(-24)});
  const auto material = ReadKeyMaterial({files.cert, files.key, ""});
  REQUIRE(material.ok());
  const absl::Duration ago = absl::Now() - material->not_after;
  CHECK(ago > absl::Hours(23));
  CHECK(ago < absl::Hours(25));
}

TEST_CASE("trusted certificates may be all there is, or be missing") {
  Fixture f;
  const auto trusted = ReadKeyMaterial({"", "", f.files.ca});
  REQUIRE(trusted.ok());
  CHECK(trusted->certificates.empty());
  CHECK(trusted->serial.empty());
  CHECK(trusted->not_after == absl::InfiniteFuture());
  const auto own = ReadKeyMaterial({f.files.cert, f.files.key, ""});
  REQUIRE(own.ok());
  CHECK(own->trusted.empty());
}

TEST_CASE("a certificate or a key alone is refused") {
  Fixture f;
  CHECK_THAT(Refusal({f.files.cert, "", f.files.ca}), Catch::Contains(f.files.cert));
  CHECK_THAT(Refusal({"", f.files.key, f.files.ca}), Catch::Contains(f.files.key));
}

TEST_CASE("each file that cannot be read is named with the reason") {
  Fixture f;
  const std::string missing = f.dir / "missing";
  for (std::string KeyFiles::*member :
       {&KeyFiles::cert_file, &KeyFiles::key_file, &KeyFiles::ca_file}) {
    KeyFiles paths = f.paths;
    paths.*member = missing;
    CHECK_THAT(Refusal(paths), Catch::Contains(missing) && Catch::Contains("No such file"));
    paths.*member = f.dir.path();  // a folder
    CHECK_THAT(Refusal(paths), Catch::Contains(f.dir.path().string() + ": cannot be read"));
  }
}

TEST_CASE("each file with other content is named") {
  Fixture f;
  const std::string other = f.dir / "other";
  WriteTextFile(other, GENERATE(std::string(), std::string("no PEM at all\n"),
                                std::string(kMaxPemFileBytes + 1, 'x')));
  for (std::string KeyFiles::*member :
       {&KeyFiles::cert_file, &KeyFiles::key_file, &KeyFiles::ca_file}) {
    KeyFiles paths = f.paths;
    paths.*member = other;
    CHECK_THAT(Refusal(paths), Catch::Contains(other));
  }
}

TEST_CASE("a key of another certificate is refused, and both files are named") {
  Fixture f;
  const auto others = f.ca.WriteFiles(f.dir.path(), "others", {});
  CHECK_THAT(Refusal({f.files.cert, others.key, f.files.ca}),
             Catch::Contains(others.key) && Catch::Contains(f.files.cert));
}

TEST_CASE("a certificate that is damaged behind the first one is refused") {
  Fixture f;
  std::string chain = ReadAll(f.files.cert) + f.ca.certificate_pem();
  chain[chain.size() - 100] = '*';
  WriteTextFile(f.files.cert, chain);
  CHECK_THAT(Refusal(f.paths), Catch::Contains("what follows certificate 1 is damaged"));
}

TEST_CASE("an encrypted key is refused without asking for its pass phrase") {
  Fixture f;
  WriteTextFile(f.files.key,
                "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIBAAA=\n"
                "-----END ENCRYPTED PRIVATE KEY-----\n");
  CHECK_THAT(Refusal(f.paths), Catch::Contains("encrypted"));
}

}  // namespace
}  // namespace belfry::tls
