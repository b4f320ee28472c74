// HTTP/2 without TLS on the server's ports.

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <vector>

#include "client/net/byte_budget.h"
#include "client/sidecar/http2_session.h"
#include "client/sidecar/http_server.h"
#include "tests/unit/sidecar/http2_client.h"
#include "tests/unit/sidecar/loopback.h"
#include "tests/unit/sidecar/waiter.h"

namespace belfry::sidecar {
namespace {

constexpr std::size_t kMaxBody = std::size_t{4} << 20;

// Answers with what it was asked.
void Echo(HttpRequest request, HttpRespond respond) {
  if (request.target == "/nothing") return respond({204, "", ""});
  if (request.target == "/large") return respond({200, "", std::string(kMaxBody, 'x')});
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
  // Whether somebody else is served.
  bool Serves() {
    Http2Client client(server.port());
    return client.Request("GET", "/other").status == 200;
  }

  IoThreads threads;
  HttpServer server;
};

// A handler that answers when the test says so.
struct HeldAnswers {
  HttpHandler handler() {
    return [this](HttpRequest request, HttpRespond respond) {
      if (request.target == "/other") return Echo(std::move(request), std::move(respond));
      asked.Put(std::make_shared<HttpRespond>(std::move(respond)));
    };
  }
  Waiter<std::shared_ptr<HttpRespond>> asked;
};

TEST_CASE("http2: requests of every shape on one connection") {
  Fixture f;
  Http2Client client(f.server.port());
  const auto post = client.Request("POST", "/a?b=c", "body", {{"dapr-api-token", "t"}});
  CHECK(post.status == 200);
  CHECK(post.body == "POST /a?b=c token=t body");
  CHECK(post.headers.at("content-type") == "text/plain");
  CHECK(post.headers.at("content-length") == "24");
  const auto nothing = client.Request("GET", "/nothing");
  CHECK(nothing.status == 204);
  CHECK(nothing.headers.empty());
  const auto head = client.Request("HEAD", "/h");
  CHECK(head.headers.at("content-length") == "15");
  CHECK(head.body.empty());
  CHECK(client.Request("FROB", "/f").body.starts_with("FROB /f"));
  const auto asked = client.Request("POST", "/e", "ok", {{"expect", "100-continue"}});
  CHECK(asked.status == 200);
  CHECK(asked.body.ends_with(" ok"));
}

TEST_CASE("http2: requests and answers in memory have a limit together") {
  // Within what may be sent before it is taken.
  constexpr std::size_t kBody = 60'000;
  net::ByteBudget budget("max-call-memory", kBody + kBody / 2);
  HeldAnswers held;
  HttpServerOptions options;
  options.budget = &budget;
  Fixture f(options, held.handler());
  const bool upgraded = GENERATE(false, true);
  Http2Client client(f.server.port(), !upgraded);
  // The handler has it.
  int32_t first = 1;
  if (upgraded) {
    client.Upgrade("POST /held", std::string(kBody, 'a'));
    nghttp2_submit_settings(client.session(), NGHTTP2_FLAG_NONE, nullptr, 0);
  } else {
    first = client.Start("POST", "/held", std::string(kBody, 'a'));
  }
  client.Flush();
  const auto respond = held.asked.Take();
  REQUIRE(respond);
  Http2Client other(f.server.port());
  const auto refused = other.Request("POST", "/second", std::string(kBody, 'b'));
  CHECK(refused.status == 429);
  CHECK(refused.body.find("--max-call-memory=90000") != std::string::npos);
  CHECK(f.Serves());
  // Its answer goes on having room.
  (**respond)({200, "", std::string(kBody, 'c')});
  CHECK(client.Wait(first).body.size() == kBody);
  CHECK(client.Request("POST", "/other", std::string(kBody, 'd')).status == 200);
}

TEST_CASE("http2: both versions on one port") {
  Fixture f;
  Http2Client newer(f.server.port());
  RawConnection older(f.server.port());
  for (int i = 0; i < 3; ++i) {
    CHECK(newer.Request("GET", "/2").status == 200);
    older.Send("GET /1 HTTP/1.1\r\nHost: x\r\n\r\n");
    CHECK(older.ReadMessage().starts_with("HTTP/1.1 200 OK"));
  }
  // What only begins like HTTP/2.
  RawConnection similar(f.server.port());
  similar.Send("PRI * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  CHECK(similar.ReadAll().find("PRI *") != std::string::npos);
  // In two pieces.
  Http2Client slow(f.server.port(), false);
  slow.SendRaw("PRI * HT");
  CHECK(newer.Request("GET", "/3").status == 200);
  slow.SendRaw("TP/2.0\r\n\r\nSM\r\n\r\n");
  slow.SendRaw({"\0\0\0\4\0\0\0\0\0", 9});
  slow.SendRaw({"\0\0\0\7\0\0\0\0\0", 9});  // broken on purpose
  CHECK(slow.WaitForEnd());
}

TEST_CASE("http2: a client may go on with it after a first request over HTTP/1.1") {
  Fixture f;
  Http2Client client(f.server.port(), false);
  CHECK(client.Upgrade("POST /up", "body") ==
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n");
  nghttp2_submit_settings(client.session(), NGHTTP2_FLAG_NONE, nullptr, 0);
  CHECK(client.Wait(1).body == "POST /up token= body");
  CHECK(client.Request("GET", "/next").status == 200);
}

TEST_CASE("http2: who asks improperly for it stays with HTTP/1.1") {
  const std::string headers =
      GENERATE(as<std::string>(), "Connection: Upgrade\r\nUpgrade: h2c\r\n",
               "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n",
               "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: =?\r\n",
               "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: websocket\r\n"
               "HTTP2-Settings: AAMAAABk\r\n");
  Fixture f;
  RawConnection client(f.server.port());
  client.Send("GET /same HTTP/1.1\r\nHost: x\r\n" + headers + "\r\n");
  CHECK(client.ReadMessage().starts_with("HTTP/1.1 200 OK"));
}

TEST_CASE("http2: settings in a header") {
  CHECK(DecodeHttp2Settings("AAMAAABk") == std::string("\0\3\0\0\0d", 6));
  CHECK(DecodeHttp2Settings("") == "");
  CHECK_FALSE(DecodeHttp2Settings("AAMA").has_value());
  CHECK_FALSE(DecodeHttp2Settings("A/+=").has_value());
}

TEST_CASE("http2: many requests at the same time, answered out of order") {
  constexpr int kMany = 200;
  HeldAnswers held;
  Fixture f({}, held.handler());
  Http2Client client(f.server.port());
  std::vector<int32_t> streams;
  for (int i = 0; i < kMany; ++i) streams.push_back(client.Start("POST", "/held", "x"));
  client.Flush();
  std::vector<std::shared_ptr<HttpRespond>> responds;
  for (int i = 0; i < kMany; ++i) {
    auto respond = held.asked.Take();
    REQUIRE(respond);
    responds.push_back(*respond);
  }
  CHECK(f.server.requests() == kMany);
  for (auto it = responds.rbegin(); it != responds.rend(); ++it) (**it)({200, "", "answer"});
  for (const int32_t stream : streams) CHECK(client.Wait(stream).body == "answer");
}

TEST_CASE("http2: large bodies both ways") {
  HttpServerOptions options;
  options.max_body_bytes = kMaxBody;
  Fixture f(options);
  Http2Client client(f.server.port());
  const std::string body(kMaxBody, 'b');
  const auto post = client.Request("POST", "/p", body);
  CHECK(post.status == 200);
  CHECK(post.body.size() == std::string("POST /p token= ").size() + body.size());
  CHECK(client.Request("GET", "/large").body.size() == kMaxBody);
}

TEST_CASE("http2: bodies over the limit are answered, and the connection goes on") {
  HttpServerOptions options;
  options.max_body_bytes = 10;
  Fixture f(options);
  Http2Client client(f.server.port());
  const bool announced = GENERATE(true, false);
  const std::string body(1 << 20, 'b');
  Http2Client::Headers headers;
  if (announced) headers.emplace_back("content-length", std::to_string(body.size()));
  const auto response = client.Request("POST", "/big", body, headers);
  CHECK(response.status == 200);
  CHECK(response.body.find("too large") != std::string::npos);
  CHECK(client.Request("POST", "/fits", "1234567890").body.ends_with("1234567890"));
}

TEST_CASE("http2: heads over the limit are refused, and the connection goes on") {
  HttpServerOptions options;
  options.max_header_bytes = 4096;
  Fixture f(options);
  Http2Client client(f.server.port());
  const auto response = client.Request("GET", "/", "", {{"x", std::string(5000, 'x')}});
  CHECK(response.status == 431);
  CHECK(response.body.find("--read-buffer-size") != std::string::npos);
  CHECK(client.Request("GET", "/next").status == 200);
}

TEST_CASE("http2: more streams than allowed are refused") {
  HeldAnswers held;
  HttpServerOptions options;
  options.max_streams = 2;
  Fixture f(options, held.handler());
  Http2Client client(f.server.port());
  std::vector<int32_t> streams;
  for (int i = 0; i < 3; ++i) streams.push_back(client.Start("GET", "/held"));
  CHECK(client.Wait(streams[2]).error == NGHTTP2_REFUSED_STREAM);
  for (int i = 0; i < 2; ++i) (**held.asked.Take())({204, "", ""});
  CHECK(client.Wait(streams[0]).status == 204);
  CHECK(client.Wait(streams[1]).status == 204);
}

TEST_CASE("http2: requests that were reset count while their handlers are at work") {
  HeldAnswers held;
  HttpServerOptions options;
  options.max_streams = 2;
  Fixture f(options, held.handler());
  Http2Client client(f.server.port());
  for (int i = 0; i < 2; ++i) {
    const int32_t stream = client.Start("GET", "/held");
    client.Flush();
    nghttp2_submit_rst_stream(client.session(), NGHTTP2_FLAG_NONE, stream, NGHTTP2_CANCEL);
    client.Flush();
  }
  CHECK(client.Request("GET", "/held").error == NGHTTP2_REFUSED_STREAM);
  for (int i = 0; i < 2; ++i) (**held.asked.Take())({204, "", ""});
  CHECK(client.Request("GET", "/other").status == 200);
}

TEST_CASE("http2: a flood of resets ends the connection, and nobody else's") {
  Fixture f;
  Http2Client client(f.server.port());
  for (std::uint64_t i = 0; i < kHttp2ResetBurst * 2; ++i) {
    const int32_t stream = client.Start("GET", "/reset");
    client.Flush();
    nghttp2_submit_rst_stream(client.session(), NGHTTP2_FLAG_NONE, stream, NGHTTP2_CANCEL);
  }
  CHECK(client.WaitForEnd());
  CHECK(f.Serves());
}

TEST_CASE("http2: a flood of pings or settings ends the connection, and nobody else's") {
  Fixture f;
  Http2Client client(f.server.port());
  CHECK(client.Request("GET", "/first").status == 200);
  const bool pings = GENERATE(true, false);
  const std::string frame =
      pings ? std::string("\0\0\10\6\0\0\0\0\0abcdefgh", 17) : std::string("\0\0\0\4\0\0\0\0\0", 9);
  std::string flood;
  for (int i = 0; i < kHttp2MaxControlFrames * 3; ++i) flood += frame;
  client.SendRaw(flood);
  CHECK(client.WaitForEnd());
  CHECK(f.Serves());
}

TEST_CASE("http2: what is no HTTP/2 after its greeting ends the connection") {
  Fixture f;
  Http2Client client(f.server.port(), false);
  client.SendRaw("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + std::string(4096, '\xff'));
  CHECK(client.WaitForEnd());
  CHECK(f.Serves());
}

TEST_CASE("http2: limits of time") {
  HttpServerOptions options;
  options.header_timeout = absl::Seconds(1);
  options.body_timeout = absl::Seconds(1);
  options.write_timeout = absl::Seconds(1);
  options.idle_timeout = absl::Seconds(1);
  options.max_body_bytes = kMaxBody;
  Fixture f(options);
  Http2Client client(f.server.port());
  SECTION("a connection without requests") {
    CHECK(client.WaitForGoAway() == NGHTTP2_NO_ERROR);
    CHECK(client.WaitForEnd());
  }
  SECTION("a connection that pings is without requests all the same") {
    for (int i = 0; i < 5; ++i) {
      nghttp2_submit_ping(client.session(), NGHTTP2_FLAG_NONE, nullptr);
      client.Flush();
    }
    CHECK(client.WaitForGoAway() == NGHTTP2_NO_ERROR);
  }
  SECTION("a body that does not end") {
    client.HoldBodyAfter(10);
    const auto response = client.Request("POST", "/slow", std::string(20, 'b'));
    CHECK(response.status == 0);
    CHECK(response.error == NGHTTP2_CANCEL);
  }
  SECTION("half a head") {
    client.Flush();
    client.SendRaw({"\0\0\20\1\0\0\0\0\1\x82", 10});
    CHECK(client.WaitForEnd());
  }
  SECTION("a client that takes no response") {
    nghttp2_session_set_local_window_size(client.session(), NGHTTP2_FLAG_NONE, 0, 0);
    const nghttp2_settings_entry none{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 0};
    nghttp2_submit_settings(client.session(), NGHTTP2_FLAG_NONE, &none, 1);
    const auto response = client.Request("GET", "/large");
    CHECK(response.status == 200);
    CHECK(response.error == NGHTTP2_CANCEL);
  }
  CHECK(f.Serves());
}

TEST_CASE("http2: when the server closes, requests are answered and connections end") {
  HeldAnswers held;
  Fixture f({}, held.handler());
  Http2Client client(f.server.port());
  const int32_t stream = client.Start("GET", "/held");
  client.Flush();
  const auto respond = held.asked.Take();
  REQUIRE(respond);
  f.server.Close();
  (**respond)({200, "", "last"});
  CHECK(client.Wait(stream).body == "last");
  CHECK(client.WaitForGoAway() == NGHTTP2_NO_ERROR);
  CHECK(client.WaitForEnd());
}

TEST_CASE("http2: a client that goes away while its request is answered harms nobody") {
  HeldAnswers held;
  Fixture f({}, held.handler());
  std::optional<Http2Client> gone(std::in_place, f.server.port());
  gone->Start("GET", "/held");
  gone->Flush();
  const auto respond = held.asked.Take();
  REQUIRE(respond);
  gone.reset();
  (**respond)({200, "", std::string(1 << 20, 'x')});
  CHECK(f.Serves());
}

}  // namespace
}  // namespace belfry::sidecar
