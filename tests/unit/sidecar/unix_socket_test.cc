#include "client/sidecar/unix_socket.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <string>

#include "client/sidecar/grpc_server.h"
#include "client/sidecar/http_server.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/sidecar/loopback.h"

namespace belfry::sidecar {
namespace {

using UnixProtocol = boost::asio::local::stream_protocol;

// Leaves a socket behind, as a process that died.
void LeaveSocket(const std::string& path) {
  boost::asio::io_context io;
  const UnixProtocol::acceptor acceptor(io, UnixProtocol::endpoint(path));
}

TEST_CASE("unix socket: what is in the way") {
  const TempDir dir;
  const std::string path = dir / "s.socket";
  CHECK(PrepareUnixSocket(path).ok());
  SECTION("the socket of a process that died is removed") {
    LeaveSocket(path);
    REQUIRE(std::filesystem::exists(path));
    CHECK(PrepareUnixSocket(path).ok());
    CHECK_FALSE(std::filesystem::exists(path));
  }
  SECTION("one that somebody listens on stays") {
    boost::asio::io_context io;
    const UnixProtocol::acceptor acceptor(io, UnixProtocol::endpoint(path));
    CHECK(absl::IsUnavailable(PrepareUnixSocket(path)));
    CHECK(std::filesystem::exists(path));
  }
  SECTION("a file stays") {
    std::ofstream(path) << "precious";
    CHECK(absl::IsUnavailable(PrepareUnixSocket(path)));
    CHECK(std::filesystem::file_size(path) == 8);
  }
  SECTION("no directory") { CHECK(absl::IsNotFound(PrepareUnixSocket(dir / "no/s.socket"))); }
  SECTION("a path that is too long") {
    CHECK(absl::IsInvalidArgument(PrepareUnixSocket(dir / std::string(120, 'x'))));
  }
}

TEST_CASE("unix socket: HTTP is served on it, and it goes with the server") {
  const TempDir dir;
  const std::string path = dir / "http.socket";
  IoThreads threads;
  HttpServer server(threads.io(), {}, [](const HttpRequest& request, HttpRespond respond) {
    respond({200, "text/plain", request.target});
  });
  REQUIRE(server.ListenUnix(path).ok());
  HttpServer second(threads.io(), {}, [](const HttpRequest&, HttpRespond) {});
  CHECK(absl::IsUnavailable(second.ListenUnix(path)));

  boost::asio::io_context io;
  UnixProtocol::socket client(io);
  client.connect(UnixProtocol::endpoint(path));
  boost::asio::write(
      client,
      boost::asio::buffer(std::string("GET /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")));
  std::string answer;
  boost::system::error_code ec;
  boost::asio::read(client, boost::asio::dynamic_buffer(answer), ec);
  CHECK(answer.starts_with("HTTP/1.1 200 OK"));
  CHECK(answer.ends_with("/a"));
  server.Close();
  CHECK_FALSE(std::filesystem::exists(path));
  threads.Stop();
}

TEST_CASE("unix socket: gRPC does not take one that is in use") {
  const TempDir dir;
  const std::string path = dir / "grpc.socket";
  LeaveSocket(path);
  auto server = GrpcServer::StartUnix(path, {}, nullptr);
  REQUIRE(server.ok());
  CHECK((*server)->port() == 0);
  CHECK(absl::IsUnavailable(GrpcServer::StartUnix(path, {}, nullptr).status()));
  (*server)->Shutdown(absl::Seconds(1));
}

}  // namespace
}  // namespace belfry::sidecar
