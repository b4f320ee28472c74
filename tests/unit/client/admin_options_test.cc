// The command lines of admin, export and import.

#include "client/cli/admin_options.h"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <optional>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "client/cli/command_line.h"

namespace belfry {
namespace {

struct Parsed {
  std::ostringstream out, err;
  int exit_code = -1;
  std::optional<CommandLine> line;

  explicit Parsed(const std::vector<std::string>& arguments) {
    for (const char* name : {"APP_ID", "NAMESPACE", "BELFRY_DATA_DIR", "BELFRY_ADMIN_SOCKET"}) {
      unsetenv(name);
    }
    line = ParseCommandLine(arguments, out, err, &exit_code);
  }
};

AdminOptions Options(const std::vector<std::string>& arguments) {
  const Parsed parsed(arguments);
  INFO(parsed.err.str());
  REQUIRE(parsed.line.has_value());
  REQUIRE(parsed.line->command == Command::kAdmin);
  return parsed.line->admin;
}

TEST_CASE("the commands of an administrator need no app id") {
  const AdminOptions backup = Options({"admin", "backup", "--to", "/b"});
  CHECK(backup.command == AdminCommand::kBackup);
  CHECK(backup.directory == "/b");
  CHECK(backup.data_dir == "./data");
  CHECK(backup.socket.empty());
  CHECK(backup.timeout == absl::Hours(1));
  const AdminOptions verify = Options({"admin", "verify", "/b"});
  CHECK(verify.command == AdminCommand::kVerify);
  CHECK(verify.directory == "/b");
  const AdminOptions quarantine =
      Options({"admin", "quarantine", "--admin-socket=/s", "--timeout=5s"});
  CHECK(quarantine.command == AdminCommand::kQuarantine);
  CHECK(quarantine.socket == "/s");
  CHECK(quarantine.timeout == absl::Seconds(5));
}

TEST_CASE("without TLS the commands of an administrator go to a socket") {
  CHECK_FALSE(Options({"admin", "quarantine"}).tls.has_value());
  const Parsed parsed({"--tls-cert-file=/absent", "--tls-key-file=/absent", "export"});
  CHECK_FALSE(parsed.line.has_value());
  CHECK_THAT(parsed.err.str(), Catch::Contains("/absent"));
}

TEST_CASE("no option that an administrator gives is ignored") {
  const std::vector<std::pair<std::vector<std::string>, std::string>> cases = {
      {{"--namespace", "a", "export"}, "--namespace must stand behind export"},
      {{"admin", "--namespace=a", "list"}, "--namespace must stand behind list"},
      {{"--app-id=a", "admin", "list"}, "--app-id must stand behind list"},
      {{"admin", "backup", "--to=/b", "--namespace=a"}, "--namespace is no option of backup"},
      {{"import", "--namespace", "a"}, "--namespace is no option of import"},
      {{"--namespace", "a", "import"}, "--namespace is no option of import"},
      {{"export", "--app-id", "a"}, "--app-id is no option of export"},
      {{"export", "--namespace="}, "--namespace \"\": must not be empty"},
      {{"admin", "list", "--namespace=a", "--app-id="}, "--app-id \"\": must not be empty"},
      {{"admin", "quarantine", "--address=h:1"}, "--address needs the options for TLS"},
      {{"--tls-server-name=x", "export", "--admin-socket=/s"}, "--admin-socket is not used"},
  };
  for (const auto& [arguments, message] : cases) {
    const Parsed parsed(arguments);
    INFO(arguments.front());
    CHECK_FALSE(parsed.line.has_value());
    CHECK(parsed.exit_code == kExitUsage);
    CHECK_THAT(parsed.err.str(), Catch::Contains(message));
  }
}

TEST_CASE("an address in the environment is that of other commands, unless there is TLS") {
  setenv("BELFRY_ADDRESS", "h:1", 1);
  const Parsed parsed({"export"});
  unsetenv("BELFRY_ADDRESS");
  CHECK(parsed.line.has_value());
}

TEST_CASE("lists and exports are of all namespaces unless one is named") {
  CHECK(Options({"export"}).filter.namespace_().empty());
  CHECK(Options({"export", "--namespace", "ns", "--data-dir=/d"}).filter.namespace_() == "ns");
  CHECK(Options({"export", "--data-dir=/d"}).data_dir == "/d");
  const AdminOptions list = Options({"admin", "list", "--namespace=ns", "--app-id=app"});
  CHECK(list.command == AdminCommand::kList);
  CHECK(list.filter.app_id() == "app");
  CHECK(Options({"admin", "list", "--namespace=ns", "--actor-type=T"}).filter.actor_type() == "T");
}

TEST_CASE("an import fails on conflicts unless told otherwise") {
  const AdminOptions plain = Options({"import"});
  CHECK(plain.command == AdminCommand::kImport);
  CHECK(plain.file.empty());
  CHECK(plain.import.on_conflict() == v1::CONFLICT_RULE_FAIL);
  CHECK_FALSE(plain.import.dry_run());
  const AdminOptions full = Options({"import", "--dry-run", "--on-conflict=skip", "file"});
  CHECK(full.file == "file");
  CHECK(full.import.on_conflict() == v1::CONFLICT_RULE_SKIP);
  CHECK(full.import.dry_run());
  CHECK(Options({"import", "--on-conflict=replace"}).import.on_conflict() ==
        v1::CONFLICT_RULE_REPLACE);
}

TEST_CASE("what cannot be meant is a usage error") {
  const std::vector<std::string> arguments = GENERATE(
      std::vector<std::string>{"admin"}, std::vector<std::string>{"admin", "backup"},
      std::vector<std::string>{"admin", "verify"}, std::vector<std::string>{"admin", "hope"},
      std::vector<std::string>{"import", "--on-conflict=hope"},
      std::vector<std::string>{"export", "--timeout=soon"},
      std::vector<std::string>{"admin", "list", "--app-id=app"},
      std::vector<std::string>{"admin", "list", "--namespace=n", "--app-id=a", "--actor-type=t"});
  const Parsed parsed(arguments);
  INFO(parsed.err.str());
  CHECK_FALSE(parsed.line.has_value());
  CHECK(parsed.exit_code == kExitUsage);
  CHECK(parsed.err.str().starts_with("belfry: "));
}

}  // namespace
}  // namespace belfry
