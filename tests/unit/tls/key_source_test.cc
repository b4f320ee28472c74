#include "client/tls/key_source.h"

#include <catch2/catch.hpp>
#include <filesystem>
#include <string>
#include <vector>

#include "tests/support/temp_dir.h"
#include "tests/support/test_ca.h"

namespace belfry::tls {
namespace {

struct Fixture {
  TempDir dir;
  TestCa ca;
  TestCa::Files files = ca.WriteFiles(dir.path(), "own", {});
  std::vector<std::string> loaded;    // serial numbers
  std::vector<std::string> rejected;  // messages
  KeySource source{
      {files.cert, files.key, files.ca},
      {.on_loaded = [this](const KeyMaterial& material) { loaded.push_back(material.serial); },
       .on_rejected =
           [this](const absl::Status& status) {
             rejected.emplace_back(std::string(status.message()));
           }}};

  // The serial number of what is in use.
  std::string Serial() {
    const auto current = source.Current();
    REQUIRE(current.ok());
    return (*current)->serial;
  }
};

TEST_CASE("the same object is given until the files change") {
  Fixture f;
  const auto first = f.source.Current();
  REQUIRE(first.ok());
  CHECK(*f.source.Current() == *first);
  CHECK(f.loaded.size() == 1);

  const TestCertificate next = f.ca.Issue({});
  WriteTextFile(f.files.key, next.key_pem);
  WriteTextFile(f.files.cert, next.certificate_pem);
  CHECK(f.Serial() == next.serial);
  CHECK(f.loaded == std::vector<std::string>{(*first)->serial, next.serial});
  CHECK(f.rejected.empty());
}

TEST_CASE("files that are replaced one after the other are used once they fit") {
  Fixture f;
  const std::string before = f.Serial();
  const TestCertificate next = f.ca.Issue({});
  WriteTextFile(f.files.cert, next.certificate_pem);
  CHECK(f.Serial() == before);
  CHECK(f.rejected.size() == 1);
  WriteTextFile(f.files.key, next.key_pem);
  CHECK(f.Serial() == next.serial);
}

TEST_CASE("bad files are told once each time that they change, and change nothing") {
  Fixture f;
  const std::string before = f.Serial();
  WriteTextFile(f.files.ca, "nothing");
  CHECK(f.Serial() == before);
  CHECK(f.Serial() == before);
  REQUIRE(f.rejected.size() == 1);
  CHECK_THAT(f.rejected[0], Catch::Contains(f.files.ca));
  std::filesystem::remove(f.files.ca);
  CHECK(f.Serial() == before);
  CHECK(f.rejected.size() == 2);
  CHECK(f.loaded.size() == 1);
}

TEST_CASE("files that come back as they were change nothing") {
  Fixture f;
  const auto first = f.source.Current();
  WriteTextFile(f.files.ca, f.ca.certificate_pem());
  CHECK(*f.source.Current() == *first);
  CHECK(f.loaded.size() == 1);
}

TEST_CASE("a folder of links that is switched at once is noticed") {
  const TempDir dir;
  TestCa ca;
  const auto make = [&](const std::string& name) {
    std::filesystem::create_directory(dir / name);
    return ca.WriteFiles(dir / name, "own", {});
  };
  make("1");
  const auto second = make("2");
  std::filesystem::create_symlink("1", dir / "now");
  KeySource source({dir / "now/own.crt", dir / "now/own.key", dir / "now/own.ca"});
  REQUIRE(source.Current().ok());
  std::filesystem::create_symlink("2", dir / "next");
  std::filesystem::rename(dir / "next", dir / "now");
  const auto current = source.Current();
  REQUIRE(current.ok());
  CHECK((*current)->serial == ReadKeyMaterial({second.cert, second.key, ""})->serial);
}

TEST_CASE("until something good was there the error is given, then never again") {
  const TempDir dir;
  TestCa ca;
  KeySource source({"", "", dir / "own.ca"});
  CHECK(absl::IsNotFound(source.Current().status()));
  CHECK(absl::IsNotFound(source.Current().status()));
  ca.WriteFiles(dir.path(), "own", {});
  CHECK(source.Current().ok());
  std::filesystem::remove(dir / "own.ca");
  CHECK(source.Current().ok());
}

}  // namespace
}  // namespace belfry::tls
