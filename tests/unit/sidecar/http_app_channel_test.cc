#include "client/sidecar/http_app_channel.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "tests/unit/sidecar/loopback.h"
#include "tests/unit/sidecar/waiter.h"

namespace belfry::sidecar {
namespace {

using Acceptor = ScriptedServer::Acceptor;

constexpr char kOk[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

HttpAppChannelOptions Options(int port) {
  HttpAppChannelOptions options;
  options.address = {"127.0.0.1", port};
  options.app_id = "my-app";
  options.health_timeout = absl::Seconds(5);
  return options;
}

// A channel and the answers of its deliveries.
struct Fixture {
  explicit Fixture(HttpAppChannelOptions options)
      : channel(threads.io().get_executor(), std::move(options)) {}
  ~Fixture() { threads.Stop(); }

  void Start(const std::string& name, const std::string& data = "") {
    JobEvent event;
    event.name = name;
    if (!data.empty()) event.data.emplace().set_value(data);
    channel.Deliver(std::move(event), [this](AppReply reply) { replies.Put(std::move(reply)); });
  }
  AppReply Reply() {
    auto reply = replies.Take();
    REQUIRE(reply);
    return *reply;
  }
  AppReply Deliver(const std::string& name, const std::string& data = "") {
    Start(name, data);
    return Reply();
  }

  Waiter<AppReply> replies;
  IoThreads threads;
  HttpAppChannel channel;
};

TEST_CASE("http app: the request, byte for byte") {
  Waiter<std::string> requests;
  ScriptedServer app([&](Acceptor& acceptor) {
    RawConnection connection(acceptor);
    for (int i = 0; i < 2; ++i) {
      requests.Put(connection.ReadMessage());
      connection.Send(kOk);
    }
  });
  HttpAppChannelOptions options = Options(app.port());
  options.api_token = "secret";
  Fixture f(options);
  CHECK(f.Deliver("a b", "{\"x\":1}").answer == AppAnswer::kDone);
  const std::string host = "127.0.0.1:" + std::to_string(app.port());
  CHECK(requests.Take() == "POST /job/a%20b HTTP/1.1\r\nHost: " + host +
                               "\r\nUser-Agent: belfry-sidecar/" BELFRY_VERSION
                               "\r\nContent-Type: application/json\r\ndapr-api-token: secret\r\n"
                               "Content-Length: 7\r\n\r\n{\"x\":1}");
  // The next one uses the same connection. Without data there is a length all the same.
  CHECK(f.Deliver("b").answer == AppAnswer::kDone);
  const auto second = requests.Take();
  REQUIRE(second);
  CHECK(second->starts_with("POST /job/b HTTP/1.1\r\n"));
  CHECK(second->ends_with("Content-Length: 0\r\n\r\n"));
}

TEST_CASE("http app: answers of many shapes") {
  const auto [response, answer] = GENERATE(table<std::string, AppAnswer>({
      {"HTTP/1.1 204 No Content\r\n\r\n", AppAnswer::kDone},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
       AppAnswer::kDone},
      {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
       AppAnswer::kDone},
      {"HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\n\r\nnot found", AppAnswer::kDropped},
      {"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n", AppAnswer::kRefused},
      {"HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n", AppAnswer::kRefused},
      {"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n",
       AppAnswer::kRefused},
      {"HTTP/1.1 000 None\r\nContent-Length: 0\r\n\r\n", AppAnswer::kRefused},
      {"HTTP/1.0 200 OK\r\n\r\nto the end", AppAnswer::kDone},
      {"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\nnever all of it", AppAnswer::kDone},
      {"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", AppAnswer::kDone},
      {"garbage", AppAnswer::kUnreachable},
      {"", AppAnswer::kUnreachable},
  }));
  CAPTURE(response);
  ScriptedServer app([&, bytes = response](Acceptor& acceptor) {
    {
      RawConnection connection(acceptor);
      connection.ReadMessage();
      connection.Send(bytes);
    }
    // Whatever came, the channel is in order afterwards.
    RawConnection connection(acceptor);
    connection.ReadMessage();
    connection.Send(kOk);
  });
  Fixture f(Options(app.port()));
  CHECK(f.Deliver("x").answer == answer);
  CHECK(f.Deliver("y").answer == AppAnswer::kDone);
}

TEST_CASE("http app: an idle connection that the app has closed is replaced silently") {
  Waiter<std::string> requests;
  ScriptedServer app([&](Acceptor& acceptor) {
    {
      RawConnection connection(acceptor);
      requests.Put(connection.ReadMessage());
      connection.Send(kOk);
      // The next request is read, and the connection closed without an answer.
      requests.Put(connection.ReadMessage());
    }
    RawConnection connection(acceptor);
    requests.Put(connection.ReadMessage());
    connection.Send(kOk);
  });
  Fixture f(Options(app.port()));
  CHECK(f.Deliver("a").answer == AppAnswer::kDone);
  CHECK(f.Deliver("b", "body").answer == AppAnswer::kDone);
  requests.Take();
  const auto lost = requests.Take();
  CHECK(lost == requests.Take());
}

TEST_CASE("http app: a new connection that closes without an answer is not tried again") {
  ScriptedServer app([&](Acceptor& acceptor) {
    RawConnection connection(acceptor);
    connection.ReadMessage();
  });
  Fixture f(Options(app.port()));
  CHECK(f.Deliver("a").answer == AppAnswer::kUnreachable);
}

TEST_CASE("http app: nobody listens") {
  int port = 0;
  {
    ScriptedServer gone([](Acceptor&) {});
    port = gone.port();
  }
  Fixture f(Options(port));
  CHECK(f.Deliver("a").answer == AppAnswer::kUnreachable);
}

TEST_CASE("http app: a host name is resolved") {
  ScriptedServer app([&](Acceptor& acceptor) {
    RawConnection connection(acceptor);
    connection.ReadMessage();
    connection.Send(kOk);
  });
  HttpAppChannelOptions options = Options(app.port());
  options.address.host = "localhost";
  Fixture f(options);
  CHECK(f.Deliver("a").answer == AppAnswer::kDone);
}

TEST_CASE("http app: no more calls at the same time than allowed") {
  Waiter<std::string> requests;
  Waiter<bool> go;
  ScriptedServer app([&](Acceptor& acceptor) {
    RawConnection connection(acceptor);
    for (int i = 0; i < 2; ++i) {
      requests.Put(connection.ReadMessage());
      go.Take();
      connection.Send(kOk);
    }
  });
  HttpAppChannelOptions options = Options(app.port());
  options.max_concurrency = 1;
  Fixture f(options);
  f.Start("a");
  f.Start("b");
  CHECK(requests.Take()->starts_with("POST /job/a "));
  CHECK_FALSE(f.replies.Take(std::chrono::milliseconds(0)));
  go.Put(true);
  CHECK(f.Reply().answer == AppAnswer::kDone);
  CHECK(requests.Take()->starts_with("POST /job/b "));
  go.Put(true);
  CHECK(f.Reply().answer == AppAnswer::kDone);
}

TEST_CASE("http app: deliveries in progress and waiting can be cancelled") {
  Waiter<bool> asked;
  ScriptedServer app([&](Acceptor& acceptor) {
    {
      RawConnection connection(acceptor);
      connection.ReadMessage();
      asked.Put(true);
      connection.ReadAll();  // until the sidecar closes
    }
    RawConnection connection(acceptor);
    connection.ReadMessage();
    connection.Send(kOk);
  });
  HttpAppChannelOptions options = Options(app.port());
  options.max_concurrency = 1;
  Fixture f(options);
  f.Start("a");
  f.Start("b");
  REQUIRE(asked.Take());
  f.channel.CancelDeliveries();
  CHECK(f.Reply().answer == AppAnswer::kCancelled);
  CHECK(f.Reply().answer == AppAnswer::kCancelled);
  CHECK(f.Deliver("c").answer == AppAnswer::kDone);
}

TEST_CASE("http app: a time limit ends a call") {
  ScriptedServer app([&](Acceptor& acceptor) {
    RawConnection connection(acceptor);
    connection.ReadAll();
  });
  HttpAppChannelOptions options = Options(app.port());
  options.request_timeout = absl::Milliseconds(50);
  Fixture f(options);
  CHECK(f.Deliver("a").answer == AppAnswer::kUnreachable);
}

TEST_CASE("http app: many calls at the same time") {
  constexpr int kCalls = 50;
  IoThreads app_threads(1);
  Waiter<bool> served;
  ScriptedServer app([&](Acceptor& acceptor) {
    std::vector<std::thread> threads;
    for (int i = 0; i < kCalls; ++i) {
      auto connection = std::make_shared<RawConnection>(acceptor);
      threads.emplace_back([connection] {
        connection->ReadMessage();
        connection->Send(kOk);
      });
    }
    for (auto& thread : threads) thread.join();
  });
  Fixture f(Options(app.port()));
  // All are asked before the first is answered, so each has a connection of its own.
  for (int i = 0; i < kCalls; ++i) f.Start(std::to_string(i), "x");
  for (int i = 0; i < kCalls; ++i) CHECK(f.Reply().answer == AppAnswer::kDone);
}

TEST_CASE("http app: health and the call for the configuration") {
  Waiter<std::string> requests;
  const auto [response, healthy] = GENERATE(table<std::string, bool>({
      {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", true},
      {"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n", false},
  }));
  ScriptedServer app([&, bytes = response](Acceptor& acceptor) {
    for (int i = 0; i < 2; ++i) {
      RawConnection connection(acceptor);
      requests.Put(connection.ReadUntil("\r\n\r\n"));
      connection.Send(bytes);
    }
  });
  HttpAppChannelOptions options = Options(app.port());
  options.health_path = "/health";
  Fixture f(options);
  Waiter<bool> done;
  f.channel.CheckHealth([&](bool ok) { done.Put(ok); });
  CHECK(done.Take() == healthy);
  CHECK(requests.Take()->starts_with("GET /health HTTP/1.1\r\n"));
  f.channel.Introduce([&] { done.Put(true); });
  CHECK(done.Take() == true);
  const auto config = requests.Take();
  REQUIRE(config);
  CHECK(config->starts_with("GET /dapr/config HTTP/1.1\r\n"));
  CHECK(config->find("dapr-app-id: my-app\r\n") != std::string::npos);
}

}  // namespace
}  // namespace belfry::sidecar
