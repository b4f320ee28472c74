// Apps that speak TLS, with certificates that nobody has signed.

#include <grpcpp/grpcpp.h>

#include <boost/asio/read_until.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <catch2/catch.hpp>
#include <memory>
#include <string>

#include "client/sidecar/grpc_app_channel.h"
#include "client/sidecar/http_app_channel.h"
#include "tests/unit/sidecar/loopback.h"
#include "tests/unit/sidecar/self_signed.h"
#include "tests/unit/sidecar/waiter.h"

namespace belfry::sidecar {
namespace {

namespace asio = boost::asio;
namespace runtime = dapr::proto::runtime::v1;
using asio::ip::tcp;

asio::ssl::context ServerContext(const SelfSigned& own) {
  asio::ssl::context context(asio::ssl::context::tls_server);
  context.use_certificate_chain(asio::buffer(own.certificate_pem));
  context.use_private_key(asio::buffer(own.key_pem), asio::ssl::context::pem);
  return context;
}

JobEvent Event(const std::string& name) {
  JobEvent event;
  event.name = name;
  event.data.emplace().set_value("payload");
  return event;
}

struct HttpFixture {
  explicit HttpFixture(int port) : channel(threads.io().get_executor(), Options(port)) {}
  ~HttpFixture() { threads.Stop(); }

  static HttpAppChannelOptions Options(int port) {
    HttpAppChannelOptions options;
    options.address = {"localhost", port, true};
    options.app_id = "my-app";
    options.request_timeout = absl::Seconds(10);
    return options;
  }
  AppReply Deliver(const std::string& name) {
    channel.Deliver(Event(name), [this](AppReply reply) { replies.Put(std::move(reply)); });
    auto reply = replies.Take();
    REQUIRE(reply);
    return *reply;
  }

  Waiter<AppReply> replies;
  IoThreads threads;
  HttpAppChannel channel;
};

TEST_CASE("https app: jobs are delivered over TLS, one after the other") {
  const SelfSigned own = MakeSelfSigned();
  Waiter<std::string> heads;
  ScriptedServer app([&](ScriptedServer::Acceptor& acceptor) {
    asio::ssl::context context = ServerContext(own);
    for (int served = 0; served < 2;) {
      tcp::socket socket = acceptor.accept();
      asio::ssl::stream<tcp::socket&> tls(socket, context);
      boost::system::error_code ec;
      tls.handshake(asio::ssl::stream_base::server, ec);
      if (ec) return;
      std::string buffer;
      while (served < 2) {
        const std::size_t end = asio::read_until(tls, asio::dynamic_buffer(buffer), "payload", ec);
        if (ec) break;
        heads.Put(buffer.substr(0, end));
        buffer.erase(0, end);
        asio::write(tls, asio::buffer(std::string("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")),
                    ec);
        ++served;
      }
    }
  });
  HttpFixture f(app.port());
  for (const std::string name : {"a", "b"}) {
    const AppReply reply = f.Deliver(name);
    INFO(reply.detail);
    CHECK(reply.answer == AppAnswer::kDone);
    const auto head = heads.Take();
    REQUIRE(head);
    CHECK(head->starts_with("POST /job/" + name + " HTTP/1.1\r\n"));
    CHECK(head->find("Host: localhost:" + std::to_string(app.port())) != std::string::npos);
  }
}

TEST_CASE("https app: one that does not speak TLS cannot be reached") {
  ScriptedServer app([](ScriptedServer::Acceptor& acceptor) {
    RawConnection connection(acceptor);
    connection.ReadBytes(1);
    connection.Send("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
  });
  HttpFixture f(app.port());
  const AppReply reply = f.Deliver("a");
  CHECK(reply.answer == AppAnswer::kUnreachable);
  CHECK(reply.detail.find("speak TLS") != std::string::npos);
}

class GrpcAppService final : public runtime::AppCallback::CallbackService {
 public:
  grpc::ServerUnaryReactor* OnJobEvent(grpc::CallbackServerContext* context,
                                       const runtime::JobEventRequest* request,
                                       runtime::JobEventResponse*) override {
    names.Put(request->name());
    auto* reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }
  Waiter<std::string> names;
};

TEST_CASE("grpcs app: jobs are delivered over TLS") {
  const SelfSigned own = MakeSelfSigned();
  grpc::SslServerCredentialsOptions credentials;
  credentials.pem_key_cert_pairs.push_back({own.key_pem, own.certificate_pem});
  GrpcAppService service;
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", grpc::SslServerCredentials(credentials), &port);
  builder.RegisterService(&service);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  REQUIRE(server != nullptr);

  GrpcAppChannelOptions options;
  options.target = "127.0.0.1:" + std::to_string(port);
  options.tls = true;
  options.request_timeout = absl::Seconds(10);
  {
    GrpcAppChannel channel(options);
    Waiter<AppReply> replies;
    channel.Deliver(Event("a"), [&](AppReply reply) { replies.Put(std::move(reply)); });
    const auto reply = replies.Take();
    REQUIRE(reply);
    INFO(reply->detail);
    CHECK(reply->answer == AppAnswer::kDone);
    CHECK(service.names.Take() == "a");
  }
  server->Shutdown();
}

}  // namespace
}  // namespace belfry::sidecar
