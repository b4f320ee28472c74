// Any bytes on a connection to the sidecar's HTTP ports: read by the parser that the server uses,
// answered by the API with a scheduler in memory. Whatever is asked, there is one answer, of a
// known status, and what calls itself JSON is. Input: the bytes of requests, one after the other.

#include <boost/asio/buffer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <future>
#include <memory>
#include <set>
#include <string>

#include "client/sidecar/http_api.h"
#include "client/sidecar/json_reader.h"
#include "tests/fuzz/checks.h"
#include "tests/unit/sidecar/fake_connection.h"

namespace belfry::sidecar {
namespace {

namespace http = boost::beast::http;
using Parser = http::request_parser<http::string_body>;

constexpr std::uint32_t kMaxHeadBytes = 8192;
constexpr std::uint64_t kMaxBodyBytes = 4096;
constexpr int kMaxRequests = 20;

// The API with nothing behind it.
struct Served {
  Served() {
    config.app_id = "my-app";
    hosts.Update({"a:1"});
    health.SetServing();
  }
  static JobsApiOptions Options() {
    JobsApiOptions options;
    options.app_id = "my-app";
    options.threads = 1;
    return options;
  }

  Config config;
  std::shared_ptr<FakeConnection> connection = std::make_shared<FakeConnection>();
  SchedulerHosts hosts{true, connection};
  Health health{hosts};
  Metadata metadata{config, hosts};
  JobsApi jobs{Options(), connection, hosts};
  HttpApi api{config, jobs, metadata, health, [] {}};
};

void CheckResponse(const HttpResponse& response) {
  static const std::set<int> kKnown = {200, 204, 400, 401, 403, 404, 408,
                                       409, 429, 500, 501, 503, 504};
  CHECK(kKnown.contains(response.status)) << response.status;
  CHECK(response.content_type.empty() == response.body.empty()) << response.status;
  if (response.content_type == "application/json") CHECK(ParseJson(response.body).ok());
}

HttpResponse Ask(HttpApi& api, HttpRequest request, bool is_public) {
  std::promise<HttpResponse> promise;
  auto future = promise.get_future();
  auto respond = [&promise](HttpResponse response) { promise.set_value(std::move(response)); };
  if (is_public) {
    api.HandlePublic(std::move(request), respond);
  } else {
    api.Handle(std::move(request), respond);
  }
  return future.get();
}

// As the server reads a request; false if nothing can follow it.
bool ReadRequest(std::string_view* bytes, HttpRequest* request) {
  Parser parser;
  parser.header_limit(kMaxHeadBytes);
  parser.body_limit(kMaxBodyBytes);
  parser.eager(true);
  while (!parser.is_done() && !bytes->empty()) {
    boost::system::error_code ec;
    const std::size_t used = parser.put(boost::asio::buffer(bytes->data(), bytes->size()), ec);
    bytes->remove_prefix(used);
    if (ec || used == 0) break;
  }
  if (!parser.is_done()) return false;
  request->method = std::string(parser.get().method_string());
  request->target = std::string(parser.get().target());
  request->api_token = std::string(parser.get()["dapr-api-token"]);
  request->body = parser.get().body();
  return true;
}

void Run(std::string_view bytes) {
  Served served;
  for (int i = 0; i < kMaxRequests; ++i) {
    HttpRequest request;
    if (!ReadRequest(&bytes, &request)) return;
    CheckResponse(Ask(served.api, request, true));
    CheckResponse(Ask(served.api, std::move(request), false));
  }
}

}  // namespace
}  // namespace belfry::sidecar

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (data != nullptr) belfry::sidecar::Run({reinterpret_cast<const char*>(data), size});
  return 0;
}
