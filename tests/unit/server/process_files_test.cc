// What the process reads of and writes to the file system beside its store.

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include <catch2/catch.hpp>

#include "server/durability_warning.h"
#include "server/ports_file.h"
#include "tests/support/temp_dir.h"

namespace belfry::server {
namespace {

TEST_CASE("the ports file is one JSON object") {
  const TempDir dir;
  const std::string path = dir / "ports.json";
  REQUIRE(WritePortsFile(path, Ports{.grpc = 1, .healthz = 2, .metrics = 3}).ok());
  std::ifstream file(path);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  CHECK(text == "{\"port\":1,\"healthz_port\":2,\"metrics_port\":3}\n");
  CHECK_FALSE(WritePortsFile(dir / "no/such/directory", Ports{}).ok());
}

TEST_CASE("paths are told as absolute ones") {
  CHECK(AbsolutePath("/a/./b/../c/") == "/a/c");
  CHECK(AbsolutePath("/") == "/");
  CHECK(AbsolutePath("x") == (std::filesystem::current_path() / "x").string());
}

TEST_CASE("a directory in memory is warned of, also before it exists") {
  if (!std::filesystem::exists("/dev/shm")) return;
  const auto warning = DurabilityWarning("/dev/shm/no-such-directory/data");
  REQUIRE(warning.has_value());
  CHECK(warning->find("/dev/shm/no-such-directory/data lies in memory") != std::string::npos);
}

}  // namespace
}  // namespace belfry::server
