#include "client/sidecar/http_server.h"

#include <catch2/catch.hpp>
#include <memory>
#include <string>

#include "tests/unit/sidecar/loopback.h"
#include "tests/unit/sidecar/waiter.h"

namespace belfry::sidecar {
namespace {

// Answers with what it was asked.
void Echo(HttpRequest request, HttpRespond respond) {
  if (request.target == "/nothing") return respond({204, "", ""});
  respond({200, "text/plain",
           request.method + " " + request.target + " token=" + request.api_token +
               (request.body_too_large ? " too large" : " " + request.body)});
}

struct Fixture {
  explicit Fixture(HttpServerOptions options = {}, HttpHandler handler = Echo)
      : server(threads.io(), options, std::move(handler)) {
    REQUIRE(server.Listen("127.0.0.1", 0).ok());
  }
  ~Fixture() {
    server.Close();
    threads.Stop();
  }

  IoThreads threads;
  HttpServer server;
};

TEST_CASE("http server: requests follow one another on one connection") {
  Fixture f;
  RawConnection client(f.server.port());
  client.Send(
      "POST /a?b=c HTTP/1.1\r\nHost: x\r\nDapr-Api-Token: t\r\nContent-Length: 4\r\n\r\nbody");
  CHECK(client.ReadMessage() ==
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 24\r\n\r\n"
        "POST /a?b=c token=t body");
  client.Send("GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n");
  CHECK(client.ReadMessage() == "HTTP/1.1 204 No Content\r\n\r\n");
  // Two at once are answered in their order.
  client.Send("GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\n");
  CHECK(client.ReadMessage().find("GET /1") != std::string::npos);
  CHECK(client.ReadMessage().find("GET /2") != std::string::npos);
  client.Send("GET /3 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  CHECK(client.ReadAll().find("Connection: close") != std::string::npos);
}

TEST_CASE("http server: chunked bodies and HTTP/1.0") {
  Fixture f;
  RawConnection client(f.server.port());
  client.Send(
      "POST /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n"
      "0\r\n\r\n");
  CHECK(client.ReadMessage().find(" abcde") != std::string::npos);
  RawConnection old(f.server.port());
  old.Send("GET /old HTTP/1.0\r\n\r\n");
  CHECK(old.ReadAll().find("GET /old") != std::string::npos);
}

TEST_CASE("http server: HEAD has the length but no body, unknown methods are passed on") {
  Fixture f;
  RawConnection client(f.server.port());
  client.Send("HEAD /h HTTP/1.1\r\nHost: x\r\n\r\n");
  CHECK(client.ReadUntil("\r\n\r\n").find("Content-Length: 15") != std::string::npos);
  client.Send("FROB /f HTTP/1.1\r\nHost: x\r\n\r\n");
  CHECK(client.ReadMessage().find("FROB /f") != std::string::npos);
}

TEST_CASE("http server: a client that asks first is told to go on") {
  Fixture f;
  RawConnection client(f.server.port());
  client.Send("POST /e HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  CHECK(client.ReadUntil("\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n");
  client.Send("ok");
  CHECK(client.ReadMessage().find(" ok") != std::string::npos);
}

TEST_CASE("http server: bodies over the limit are answered, and the connection ends") {
  HttpServerOptions options;
  options.max_body_bytes = 10;
  Fixture f(options);
  const std::string head = GENERATE(as<std::string>(), "Content-Length: 11\r\n\r\n",
                                    "Transfer-Encoding: chunked\r\n\r\nb\r\n");
  RawConnection client(f.server.port());
  client.Send("POST /big HTTP/1.1\r\nHost: x\r\n" + head + "12345678901");
  const std::string answer = client.ReadAll();
  CHECK(answer.find(" too large") != std::string::npos);
  CHECK(answer.find("Connection: close") != std::string::npos);
}

TEST_CASE("http server: a body of just the limit passes") {
  HttpServerOptions options;
  options.max_body_bytes = 10;
  Fixture f(options);
  RawConnection client(f.server.port());
  client.Send("POST /fits HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n1234567890");
  CHECK(client.ReadMessage().find("1234567890") != std::string::npos);
}

TEST_CASE("http server: heads over the limit and no HTTP at all are refused") {
  Fixture f;
  RawConnection client(f.server.port());
  client.Send("GET / HTTP/1.1\r\nX: " + std::string(9000, 'a') + "\r\n\r\n");
  CHECK(client.ReadAll().starts_with("HTTP/1.1 431 "));
  RawConnection other(f.server.port());
  other.Send("hello\r\n\r\n");
  CHECK(other.ReadAll().starts_with("HTTP/1.1 400 "));
}

TEST_CASE("http server: a request names its host once") {
  const std::string host = GENERATE("", "Host: x\r\nHost: y\r\n");
  Fixture f;
  RawConnection client(f.server.port());
  client.Send("GET /a HTTP/1.1\r\n" + host + "\r\nGET /b HTTP/1.1\r\nHost: x\r\n\r\n");
  const std::string answer = client.ReadAll();
  CHECK(answer.starts_with("HTTP/1.1 400 "));
  CHECK(answer.ends_with("there must be one Host"));
  RawConnection older(f.server.port());
  older.Send("GET /a HTTP/1.0\r\n\r\n");
  CHECK_THAT(older.ReadAll(), Catch::Contains(" 200 OK"));
}

TEST_CASE("http server: connections over the limit are refused") {
  HttpServerOptions options;
  options.max_connections = 1;
  Fixture f(options);
  RawConnection first(f.server.port());
  first.Send("GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
  CHECK(first.ReadMessage().starts_with("HTTP/1.1 200 "));
  RawConnection second(f.server.port());
  CHECK(second.ReadAll().starts_with("HTTP/1.1 503 "));
  first.Send("GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
  CHECK(first.ReadMessage().starts_with("HTTP/1.1 200 "));
}

TEST_CASE("http server: a handler may answer later and from elsewhere") {
  Waiter<std::shared_ptr<HttpRespond>> asked;
  Fixture f({}, [&](HttpRequest, HttpRespond respond) {
    asked.Put(std::make_shared<HttpRespond>(std::move(respond)));
  });
  RawConnection slow(f.server.port());
  slow.Send("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n");
  const auto respond = asked.Take();
  REQUIRE(respond);
  CHECK(f.server.requests() == 1);
  (**respond)({200, "", "late"});
  CHECK(slow.ReadMessage().ends_with("late"));
}

TEST_CASE("http server: a client that goes away while its request is answered harms nobody") {
  Waiter<std::shared_ptr<HttpRespond>> asked;
  Fixture f({}, [&](HttpRequest, HttpRespond respond) {
    asked.Put(std::make_shared<HttpRespond>(std::move(respond)));
  });
  {
    RawConnection gone(f.server.port());
    gone.Send("GET /gone HTTP/1.1\r\nHost: x\r\n\r\n");
    const auto respond = asked.Take();
    REQUIRE(respond);
    gone.Close();
    (**respond)({200, "", std::string(1 << 20, 'x')});
  }
  RawConnection next(f.server.port());
  next.Send("GET /next HTTP/1.1\r\nHost: x\r\n\r\n");
  const auto respond = asked.Take();
  REQUIRE(respond);
  (**respond)({200, "", "fine"});
  CHECK(next.ReadMessage().ends_with("fine"));
}

TEST_CASE("http server: a taken port is an error that names it") {
  Fixture f;
  HttpServer second(f.threads.io(), {}, Echo);
  const absl::Status status = second.Listen("127.0.0.1", f.server.port());
  CHECK(status.code() == absl::StatusCode::kUnavailable);
  CHECK(std::string(status.message()).find(std::to_string(f.server.port())) != std::string::npos);
  CHECK_FALSE(second.Listen("no address", 0).ok());
  CHECK(second.Listen("203.0.113.1", 0).code() == absl::StatusCode::kNotFound);
}

TEST_CASE("http server: when it closes, connections end after their next response") {
  Fixture f;
  RawConnection client(f.server.port());
  client.Send("GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
  client.ReadMessage();
  f.server.Close();
  client.Send("GET /b HTTP/1.1\r\nHost: x\r\n\r\n");
  CHECK(client.ReadAll().find("Connection: close") != std::string::npos);
}

}  // namespace
}  // namespace belfry::sidecar
