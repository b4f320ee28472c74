// Clients that are slow, greedy or confused: each costs what the limits say, and nobody else.

#include <catch2/catch.hpp>
#include <chrono>
#include <list>
#include <memory>
#include <string>

#include "client/net/byte_budget.h"
#include "client/sidecar/http_server.h"
#include "tests/unit/sidecar/loopback.h"
#include "tests/unit/sidecar/waiter.h"

namespace belfry::sidecar {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kLargeAnswer = std::size_t{32} << 20;

HttpServerOptions ShortLimits() {
  HttpServerOptions options;
  options.header_timeout = absl::Milliseconds(300);
  options.body_timeout = absl::Milliseconds(300);
  options.write_timeout = absl::Milliseconds(300);
  options.idle_timeout = absl::Milliseconds(300);
  return options;
}

struct Fixture {
  explicit Fixture(HttpServerOptions options = ShortLimits())
      : server(threads.io(), options, [](const HttpRequest& request, HttpRespond respond) {
          const bool large = request.target == "/large";
          respond({200, "", large ? std::string(kLargeAnswer, 'x') : request.target});
        }) {
    REQUIRE(server.Listen("127.0.0.1", 0).ok());
  }
  ~Fixture() {
    server.Close();
    threads.Stop();
  }
  // Whether somebody else is served at once.
  bool Serves() {
    RawConnection client(server.port());
    client.Send("GET /other HTTP/1.1\r\nHost: x\r\n\r\n");
    return client.ReadMessage().ends_with("/other");
  }

  IoThreads threads;
  HttpServer server;
};

// Sends a byte every now and then until the server has had enough; whether it has.
bool DripUntilClosed(RawConnection& client, const std::string& drip) {
  const auto limit = Clock::now() + std::chrono::seconds(10);
  while (Clock::now() < limit) {
    client.Send(drip);
    if (client.IsClosedWithin(std::chrono::milliseconds(50))) return true;
  }
  return false;
}

TEST_CASE("http limits: a head that never ends, a byte at a time") {
  Fixture f;
  RawConnection client(f.server.port());
  client.Send("GET / HTTP/1.1\r\nHost: x\r\nX: ");
  CHECK(DripUntilClosed(client, "a"));
  CHECK(f.Serves());
}

TEST_CASE("http limits: a body that never ends, a byte at a time") {
  Fixture f;
  const std::string kind = GENERATE(as<std::string>(), "Content-Length: 100000\r\n\r\n",
                                    "Transfer-Encoding: chunked\r\n\r\n1000\r\n");
  RawConnection client(f.server.port());
  client.Send("POST / HTTP/1.1\r\nHost: x\r\n" + kind);
  CHECK(DripUntilClosed(client, "a"));
  CHECK(f.Serves());
}

TEST_CASE("http limits: a connection that says nothing, before and after a request") {
  Fixture f;
  RawConnection silent(f.server.port());
  CHECK(silent.ReadAll().empty());
  RawConnection client(f.server.port());
  client.Send("GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
  CHECK(client.ReadMessage().ends_with("/a"));
  CHECK(client.ReadAll().empty());
}

TEST_CASE("http limits: a client that does not take its answer") {
  Fixture f;
  RawConnection client(f.server.port());
  client.ShrinkReceiveBuffer();
  client.Send("GET /large HTTP/1.1\r\nHost: x\r\n\r\n");
  const auto limit = Clock::now() + std::chrono::seconds(10);
  while (f.server.requests() == 0) REQUIRE(Clock::now() < limit);
  // No buffers of the system hold so much: it ends because it was given up.
  while (f.server.requests() > 0) REQUIRE(Clock::now() < limit);
  CHECK(f.Serves());
}

// A server whose requests and answers have a budget.
struct BudgetFixture {
  explicit BudgetFixture(std::size_t bytes) : budget("max-call-memory", bytes), f(Options()) {}

  HttpServerOptions Options() {
    HttpServerOptions options;
    options.max_body_bytes = kLargeAnswer;
    options.budget = &budget;
    return options;
  }

  net::ByteBudget budget;
  Fixture f;
};

TEST_CASE("http limits: bodies that never end have a limit together") {
  constexpr std::size_t kBody = 600'000;
  BudgetFixture b(2 * kBody);
  const std::string head = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n";
  RawConnection first(b.f.server.port());
  first.Send(head + std::string(kBody, 'a'));
  const auto limit = Clock::now() + std::chrono::seconds(10);
  std::string answer;
  // The server may not have read all of it yet.
  while (answer.empty()) {
    REQUIRE(Clock::now() < limit);
    RawConnection second(b.f.server.port());
    second.Send(head + std::string(1'000'000, 'b'));
    answer = second.ReadMessage();
    if (answer.starts_with("HTTP/1.1 200")) answer.clear();
  }
  CHECK(answer.starts_with("HTTP/1.1 429"));
  CHECK(answer.find("--max-call-memory=1200000") != std::string::npos);
  CHECK(b.f.Serves());
  first.Close();
  while (answer.starts_with("HTTP/1.1 429")) {
    REQUIRE(Clock::now() < limit);
    RawConnection third(b.f.server.port());
    third.Send(head + std::string(1'000'000, 'c'));
    answer = third.ReadMessage();
  }
  CHECK(answer.starts_with("HTTP/1.1 200"));
}

TEST_CASE("http limits: answers that are not taken have a limit together") {
  BudgetFixture b(kLargeAnswer + kLargeAnswer / 2);
  const std::string get = "GET /large HTTP/1.1\r\nHost: x\r\n\r\n";
  RawConnection first(b.f.server.port());
  first.ShrinkReceiveBuffer();
  first.Send(get);
  REQUIRE(first.ReadUntil("\r\n\r\n").starts_with("HTTP/1.1 200"));
  RawConnection second(b.f.server.port());
  second.Send(get);
  CHECK(second.ReadMessage().starts_with("HTTP/1.1 429"));
  CHECK(b.f.Serves());
  first.Close();
  const auto limit = Clock::now() + std::chrono::seconds(10);
  std::string answer;
  while (!answer.starts_with("HTTP/1.1 200")) {
    REQUIRE(Clock::now() < limit);
    second.Send(get);
    answer = second.ReadMessage();
  }
}

TEST_CASE("http limits: garbage of many kinds") {
  const std::string garbage = GENERATE(
      std::string(5000, '\0'), std::string(100000, '\xff'), std::string("\r\n\r\n\r\n"),
      std::string("GET\r\n\r\n"), std::string("GET / HTTP/9.9\r\n\r\n"),
      std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11),
      std::string("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n"),
      std::string("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n"),
      std::string(
          "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef"),
      std::string("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
      std::string("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                  "ffffffffffffffffff\r\n"));
  Fixture f;
  RawConnection client(f.server.port());
  client.Send(garbage);
  const std::string answer = client.ReadAll();
  CAPTURE(answer.substr(0, 100));
  CHECK_FALSE(answer.starts_with("HTTP/1.1 200"));
  CHECK(f.Serves());
}

TEST_CASE("http limits: what stands between the chunks of a body has a limit, too") {
  const std::string framing =
      GENERATE(std::string("5;"), std::string("0\r\nx: "), std::string(1, '0'));
  HttpServerOptions options = ShortLimits();
  options.body_timeout = absl::Minutes(1);
  Fixture f(options);
  RawConnection client(f.server.port());
  client.Send("POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + framing +
              std::string(std::size_t{1} << 20, '0'));
  CAPTURE(framing);
  const auto begin = Clock::now();
  const std::string answer = client.ReadAll();
  CHECK(Clock::now() - begin < std::chrono::seconds(5));
  // It may be lost, as not all of what was sent is read.
  CHECK((answer.empty() || answer.starts_with("HTTP/1.1 400 ")));
  CHECK(f.Serves());
}

TEST_CASE("http limits: a body in a coding that is not understood ends the connection") {
  const std::string coding = GENERATE("xchunked", "gzip", "gzip, chunked", "chunked, gzip");
  Fixture f;
  RawConnection client(f.server.port());
  client.Send("POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: " + coding +
              "\r\n\r\nGET /b HTTP/1.1\r\nHost: x\r\n\r\n");
  const std::string answer = client.ReadAll();
  CAPTURE(coding, answer);
  CHECK(answer.starts_with("HTTP/1.1 501 "));
  CHECK_THAT(answer, Catch::Contains("\"" + coding + "\": only chunked"));
  CHECK(answer.find("HTTP/1.1", 1) == std::string::npos);
}

TEST_CASE("http limits: many connections, of which some are too many") {
  constexpr int kMost = 200;
  HttpServerOptions options;
  options.max_connections = kMost;
  Fixture f(options);
  std::list<RawConnection> clients;
  for (int i = 0; i < kMost; ++i) {
    clients.emplace_back(f.server.port());
    clients.back().Send("GET /one HTTP/1.1\r\nHost: x\r\n\r\n");
    CHECK(clients.back().ReadMessage().ends_with("/one"));
  }
  RawConnection over(f.server.port());
  const std::string refusal = over.ReadAll();
  CHECK(refusal.starts_with("HTTP/1.1 503 "));
  CHECK(refusal.find("--http-max-connections") != std::string::npos);
  for (RawConnection& client : clients) {
    client.Send("GET /two HTTP/1.1\r\nHost: x\r\n\r\n");
    CHECK(client.ReadMessage().ends_with("/two"));
  }
  clients.clear();
  const auto limit = Clock::now() + std::chrono::seconds(10);
  while (!f.Serves()) REQUIRE(Clock::now() < limit);
}

TEST_CASE("http limits: requests that are sent ahead are answered one by one, in order") {
  constexpr int kMany = 500;
  HttpServerOptions options;
  Fixture f(options);
  RawConnection client(f.server.port());
  std::string requests;
  for (int i = 0; i < kMany; ++i) {
    requests += "GET /" + std::to_string(i) + " HTTP/1.1\r\nHost: x\r\n\r\n";
  }
  client.Send(requests);
  for (int i = 0; i < kMany; ++i) {
    CHECK(client.ReadMessage().ends_with("/" + std::to_string(i)));
  }
}

}  // namespace
}  // namespace belfry::sidecar
