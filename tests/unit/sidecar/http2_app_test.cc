// Deliveries to an app that speaks HTTP/2 without TLS.

#include <atomic>
#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <vector>

#include "client/sidecar/http_app_channel.h"
#include "client/sidecar/http_server.h"
#include "tests/unit/sidecar/loopback.h"
#include "tests/unit/sidecar/waiter.h"

namespace belfry::sidecar {
namespace {

using Acceptor = ScriptedServer::Acceptor;

HttpAppChannelOptions Options(int port) {
  HttpAppChannelOptions options;
  options.address = {"127.0.0.1", port};
  options.http2 = true;
  options.app_id = "my-app";
  options.api_token = "secret";
  options.health_timeout = absl::Milliseconds(300);
  return options;
}

// An app, and a channel to it with the answers of its deliveries.
struct Fixture {
  explicit Fixture(HttpHandler handler, HttpServerOptions server_options = {},
                   HttpAppChannelOptions channel_options = Options(0))
      : app(std::make_unique<HttpServer>(threads.io(), server_options, std::move(handler))) {
    REQUIRE(app->Listen("127.0.0.1", 0).ok());
    channel_options.address.port = app->port();
    channel = std::make_unique<HttpAppChannel>(threads.io().get_executor(), channel_options);
  }
  ~Fixture() { threads.Stop(); }

  void Start(const std::string& name, const std::string& data = "") {
    JobEvent event;
    event.name = name;
    if (!data.empty()) event.data.emplace().set_value(data);
    channel->Deliver(std::move(event), [this](AppReply reply) { replies.Put(std::move(reply)); });
  }
  AppReply Reply() {
    auto reply = replies.Take();
    REQUIRE(reply);
    return *reply;
  }

  Waiter<AppReply> replies;
  IoThreads threads;
  std::unique_ptr<HttpServer> app;
  std::unique_ptr<HttpAppChannel> channel;
};

TEST_CASE("http2 app: the request, and what answers mean") {
  Waiter<HttpRequest> requests;
  Fixture f([&](HttpRequest request, HttpRespond respond) {
    const int status = request.target == "/job/ok"        ? 204
                       : request.target == "/job/unknown" ? 404
                       : request.target == "/job/bad"     ? 500
                                                          : 200;
    requests.Put(std::move(request));
    respond({status, "", status == 204 ? "" : "ignored"});
  });
  f.Start("a b", "{\"x\":1}");
  CHECK(f.Reply().answer == AppAnswer::kDone);
  const auto request = requests.Take();
  REQUIRE(request);
  CHECK(request->method == "POST");
  CHECK(request->target == "/job/a%20b");
  CHECK(request->api_token == "secret");
  CHECK(request->body == "{\"x\":1}");
  f.Start("ok");
  CHECK(f.Reply().answer == AppAnswer::kDone);
  f.Start("unknown");
  CHECK(f.Reply().answer == AppAnswer::kDropped);
  f.Start("bad");
  CHECK(f.Reply().answer == AppAnswer::kRefused);
}

TEST_CASE("http2 app: large payloads arrive whole") {
  const std::string data((std::size_t{3} << 20) + 17, 'd');
  HttpServerOptions options;
  options.max_body_bytes = data.size();
  Fixture f(
      [&](const HttpRequest& request, HttpRespond respond) {
        respond({request.body == data ? 200 : 500, "", std::string(1 << 18, 'a')});
      },
      options);
  for (int i = 0; i < 3; ++i) f.Start("large", data);
  for (int i = 0; i < 3; ++i) CHECK(f.Reply().answer == AppAnswer::kDone);
}

// More at a time than the app takes on one connection: others are opened.
TEST_CASE("http2 app: many deliveries at the same time") {
  constexpr int kMany = 300;
  HttpServerOptions options;
  options.max_streams = 20;
  Waiter<std::shared_ptr<HttpRespond>> asked;
  Fixture f(
      [&](const HttpRequest&, HttpRespond respond) {
        asked.Put(std::make_shared<HttpRespond>(std::move(respond)));
      },
      options);
  for (int i = 0; i < kMany; ++i) f.Start("job");
  std::vector<std::shared_ptr<HttpRespond>> responds;
  for (int i = 0; i < kMany; ++i) {
    auto respond = asked.Take();
    REQUIRE(respond);
    responds.push_back(*respond);
  }
  for (const auto& respond : responds) (*respond)({200, "", ""});
  for (int i = 0; i < kMany; ++i) CHECK(f.Reply().answer == AppAnswer::kDone);
}

TEST_CASE("http2 app: a limit of calls at the same time holds") {
  HttpAppChannelOptions channel_options = Options(0);
  channel_options.max_concurrency = 2;
  Waiter<std::shared_ptr<HttpRespond>> asked;
  Fixture f(
      [&](const HttpRequest&, HttpRespond respond) {
        asked.Put(std::make_shared<HttpRespond>(std::move(respond)));
      },
      {}, channel_options);
  for (int i = 0; i < 3; ++i) f.Start("job");
  const auto first = asked.Take();
  const auto second = asked.Take();
  REQUIRE(first);
  REQUIRE(second);
  CHECK_FALSE(asked.Take(std::chrono::milliseconds(100)));
  (**first)({200, "", ""});
  const auto third = asked.Take();
  REQUIRE(third);
  (**second)({200, "", ""});
  (**third)({200, "", ""});
  for (int i = 0; i < 3; ++i) CHECK(f.Reply().answer == AppAnswer::kDone);
}

TEST_CASE("http2 app: deliveries are cancelled, and later ones are not") {
  Waiter<std::shared_ptr<HttpRespond>> asked;
  Fixture f([&](const HttpRequest&, HttpRespond respond) {
    asked.Put(std::make_shared<HttpRespond>(std::move(respond)));
  });
  f.Start("job");
  const auto held = asked.Take();
  REQUIRE(held);
  f.channel->CancelDeliveries();
  CHECK(f.Reply().answer == AppAnswer::kCancelled);
  f.Start("job");
  const auto next = asked.Take();
  REQUIRE(next);
  (**next)({200, "", ""});
  CHECK(f.Reply().answer == AppAnswer::kDone);
  (**held)({200, "", ""});
}

TEST_CASE("http2 app: a delivery has a time limit if it is given one") {
  HttpAppChannelOptions channel_options = Options(0);
  channel_options.request_timeout = absl::Milliseconds(200);
  Waiter<std::shared_ptr<HttpRespond>> asked;
  Fixture f(
      [&](const HttpRequest& request, HttpRespond respond) {
        if (request.target == "/job/fast") return respond({200, "", ""});
        asked.Put(std::make_shared<HttpRespond>(std::move(respond)));
      },
      {}, channel_options);
  f.Start("slow");
  CHECK(f.Reply().answer == AppAnswer::kUnreachable);
  f.Start("fast");
  CHECK(f.Reply().answer == AppAnswer::kDone);
  (**asked.Take())({200, "", ""});
}

TEST_CASE("http2 app: health and introduction") {
  std::atomic<int> status{200};
  Waiter<std::string> targets;
  Waiter<std::shared_ptr<HttpRespond>> held;
  Fixture f([&](const HttpRequest& request, HttpRespond respond) {
    targets.Put(request.method + " " + request.target);
    if (status == 0) return held.Put(std::make_shared<HttpRespond>(std::move(respond)));
    respond({status, "", ""});
  });
  Waiter<bool> health;
  const auto check = [&] {
    f.channel->CheckHealth([&](bool healthy) { health.Put(healthy); });
    return health.Take();
  };
  CHECK(check() == true);
  CHECK(targets.Take() == "GET /healthz");
  status = 500;
  CHECK(check() == false);
  status = 0;  // no answer within the time limit
  CHECK(check() == false);
  status = 200;
  Waiter<bool> introduced;
  f.channel->Introduce([&] { introduced.Put(true); });
  CHECK(introduced.Take() == true);
  (**held.Take())({200, "", ""});
}

TEST_CASE("http2 app: an app that goes and comes back is found again") {
  Fixture f([](const HttpRequest&, HttpRespond respond) { respond({200, "", ""}); });
  f.Start("before");
  CHECK(f.Reply().answer == AppAnswer::kDone);
  const int port = f.app->port();
  f.app.reset();
  // The connection that is left is told to go; a new one finds nobody.
  AppReply reply{AppAnswer::kDone, ""};
  for (int i = 0; i < 100 && reply.answer != AppAnswer::kUnreachable; ++i) {
    f.Start("while it is away");
    reply = f.Reply();
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  CHECK(reply.answer == AppAnswer::kUnreachable);
  f.app = std::make_unique<HttpServer>(f.threads.io(), HttpServerOptions(),
                                       [](const HttpRequest&, HttpRespond respond) {
                                         respond({200, "", ""});
                                       });
  REQUIRE(f.app->Listen("127.0.0.1", port).ok());
  f.Start("after");
  CHECK(f.Reply().answer == AppAnswer::kDone);
}

TEST_CASE("http2 app: what is no HTTP/2, or no app") {
  IoThreads threads;
  Waiter<AppReply> replies;
  const auto deliver = [&](int port) {
    HttpAppChannel channel(threads.io().get_executor(), Options(port));
    JobEvent event;
    event.name = "job";
    channel.Deliver(std::move(event), [&](AppReply reply) { replies.Put(std::move(reply)); });
    const auto reply = replies.Take();
    threads.Stop();
    return reply;
  };
  SECTION("an app that speaks HTTP/1.1") {
    ScriptedServer app([](Acceptor& acceptor) {
      RawConnection connection(acceptor);
      connection.Send("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
      connection.ReadAll();
    });
    const auto reply = deliver(app.port());
    REQUIRE(reply);
    CHECK(reply->answer == AppAnswer::kUnreachable);
    CHECK_FALSE(reply->detail.empty());
  }
  SECTION("an app that hangs up") {
    ScriptedServer app([](Acceptor& acceptor) { const RawConnection connection(acceptor); });
    const auto reply = deliver(app.port());
    REQUIRE(reply);
    CHECK(reply->answer == AppAnswer::kUnreachable);
  }
  SECTION("nobody") {
    const auto reply = deliver(1);
    REQUIRE(reply);
    CHECK(reply->answer == AppAnswer::kUnreachable);
  }
}

}  // namespace
}  // namespace belfry::sidecar
