#include "server/http_server.h"

#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "boost/asio/buffer.hpp"
#include "boost/asio/connect.hpp"
#include "boost/asio/io_context.hpp"
#include "boost/asio/ip/tcp.hpp"
#include "boost/asio/read.hpp"
#include "boost/asio/read_until.hpp"
#include "boost/asio/streambuf.hpp"
#include "boost/asio/write.hpp"
#include "server/limits.h"

namespace belfry::server {
namespace {

namespace asio = boost::asio;

// Sends bytes and returns all that comes until the other side closes.
std::string Exchange(uint16_t port, const std::string& request) {
  asio::io_context io;
  asio::ip::tcp::socket socket(io);
  boost::system::error_code error;
  socket.connect({asio::ip::address_v4::loopback(), port}, error);
  REQUIRE_FALSE(error);
  // The other side may have closed already.
  asio::write(socket, asio::buffer(request), error);
  std::string answer;
  asio::read(socket, asio::dynamic_buffer(answer), error);
  return answer;
}

std::string Request(const std::string& method, const std::string& target) {
  return method + " " + target + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
}

HttpReply Echo(std::string_view path) { return {200, "text/plain", std::string(path)}; }

bool Contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST_CASE("GET is answered by the handler, HEAD without the body") {
  HttpServer server;
  const uint16_t port = server.Listen("127.0.0.1", 0, Echo).value();
  server.Start();
  const std::string get = Exchange(port, Request("GET", "/a/b?c=d"));
  CHECK(Contains(get, "HTTP/1.1 200"));
  CHECK(Contains(get, "Content-Type: text/plain"));
  CHECK(get.ends_with("\r\n\r\n/a/b"));
  const std::string head = Exchange(port, Request("HEAD", "/a/b"));
  CHECK(Contains(head, "HTTP/1.1 200"));
  CHECK(Contains(head, "Content-Length: 4"));
  CHECK(head.ends_with("\r\n\r\n"));
}

TEST_CASE("other methods are refused") {
  HttpServer server;
  const uint16_t port = server.Listen("127.0.0.1", 0, Echo).value();
  server.Start();
  CHECK(Contains(Exchange(port, Request("POST", "/")), "HTTP/1.1 405"));
}

TEST_CASE("a connection serves one request after the other") {
  HttpServer server;
  const uint16_t port = server.Listen("127.0.0.1", 0, Echo).value();
  server.Start();
  const std::string both =
      Exchange(port, "GET /first HTTP/1.1\r\nHost: x\r\n\r\n" + Request("GET", "/second"));
  CHECK(Contains(both, "/first"));
  CHECK(Contains(both, "/second"));
}

bool IsAnswered(asio::ip::tcp::socket* socket) {
  boost::system::error_code error;
  asio::write(*socket, asio::buffer(std::string("GET / HTTP/1.1\r\nHost: x\r\n\r\n")), error);
  std::string answer;
  asio::read_until(*socket, asio::dynamic_buffer(answer), "\r\n\r\n/", error);
  return answer.starts_with("HTTP/1.1 200");
}

// Connections that have been answered once, and wait.
std::vector<asio::ip::tcp::socket> WaitingConnections(asio::io_context* io, uint16_t port) {
  std::vector<asio::ip::tcp::socket> open;
  for (size_t i = 0; i < kMaxHttpConnections; ++i) {
    open.emplace_back(*io);
    boost::system::error_code error;
    open.back().connect({asio::ip::address_v4::loopback(), port}, error);
    REQUIRE(IsAnswered(&open.back()));
  }
  return open;
}

TEST_CASE("a connection beyond the limit takes the place of the one that has waited longest") {
  HttpServer server;
  const uint16_t port = server.Listen("127.0.0.1", 0, Echo).value();
  server.Start();
  asio::io_context io;
  auto open = WaitingConnections(&io, port);
  REQUIRE(IsAnswered(&open[0]));
  CHECK(Contains(Exchange(port, Request("GET", "/")), "HTTP/1.1 200"));
  CHECK_FALSE(IsAnswered(&open[1]));
  CHECK(IsAnswered(&open[0]));
  CHECK(IsAnswered(&open[2]));
}

TEST_CASE("each port has its own connections") {
  HttpServer server;
  const uint16_t port = server.Listen("127.0.0.1", 0, Echo).value();
  const uint16_t other = server.Listen("127.0.0.1", 0, Echo).value();
  server.Start();
  asio::io_context io;
  auto open = WaitingConnections(&io, port);
  for (int i = 0; i < 3; ++i) CHECK(Contains(Exchange(other, Request("GET", "/")), "200"));
  for (auto& socket : open) CHECK(IsAnswered(&socket));
}

TEST_CASE("what cannot be read is answered with the reason") {
  HttpServer server;
  const uint16_t port = server.Listen("127.0.0.1", 0, Echo).value();
  server.Start();
  const std::string garbage = Exchange(port, "what is this?\r\n\r\n");
  CHECK(garbage.starts_with("HTTP/1.1 400"));
  const std::string head =
      Exchange(port, "GET / HTTP/1.1\r\nA: " + std::string(kMaxHttpHeaderBytes, 'a'));
  CHECK(head.starts_with("HTTP/1.1 431"));
  CHECK(Contains(head, std::to_string(kMaxHttpHeaderBytes)));
  const std::string body = Exchange(port, "GET / HTTP/1.1\r\nContent-Length: 1000000\r\n\r\n");
  CHECK(body.starts_with("HTTP/1.1 413"));
  CHECK(Contains(body, std::to_string(kMaxHttpBodyBytes)));
}

TEST_CASE("a port in use is an error that names it") {
  HttpServer server;
  const uint16_t port = server.Listen("127.0.0.1", 0, Echo).value();
  HttpServer second;
  const auto status = second.Listen("127.0.0.1", port, Echo).status();
  CHECK(absl::IsUnavailable(status));
  CHECK(Contains(std::string(status.message()), "127.0.0.1:" + std::to_string(port)));
}

TEST_CASE("all interfaces include the loopback") {
  HttpServer server;
  const uint16_t port = server.Listen("", 0, Echo).value();
  server.Start();
  CHECK(Contains(Exchange(port, Request("GET", "/x")), "HTTP/1.1 200"));
}

}  // namespace
}  // namespace belfry::server
