#include "server/admin_server.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <string>

#include <catch2/catch.hpp>

#include "server/admin_service.h"
#include "tests/support/temp_dir.h"

namespace belfry::server {
namespace {

TEST_CASE("a socket is replaced only if nobody listens on it") {
  const TempDir dir;
  AdminService service({}, AuthorizeAll);
  const std::string path = dir / "admin.sock";
  {
    // As a killed process leaves it.
    const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    REQUIRE(::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0);
    ::close(fd);
  }
  auto first = AdminServer::Start(path, &service);
  REQUIRE(first.ok());
  AdminService other({}, AuthorizeAll);
  const absl::Status taken = AdminServer::Start(path, &other).status();
  CHECK(absl::IsFailedPrecondition(taken));
  (*first)->Shutdown(absl::ZeroDuration());

  std::ofstream(dir / "file") << "x";
  CHECK(absl::IsFailedPrecondition(AdminServer::Start(dir / "file", &other).status()));
  const absl::Status too_long = AdminServer::Start(dir / std::string(100, 'x'), &other).status();
  CHECK(absl::IsInvalidArgument(too_long));
  CHECK_THAT(std::string(too_long.message()), Catch::Contains("at most 107"));
  CHECK_FALSE(AdminServer::Start(dir / "missing/admin.sock", &other).ok());
}

}  // namespace
}  // namespace belfry::server
