#include "tests/integration/http_client.h"

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <cctype>

#include "tests/integration/eventually.h"

namespace belfry::integration {
namespace {

namespace beast = boost::beast;
namespace http = beast::http;

std::string LowerCase(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

}  // namespace

HttpResponse Http(uint16_t port, const std::string& method, const std::string& target,
                  const std::string& body) {
  http::request<http::string_body> request;
  request.version(11);
  request.method_string(method);
  request.target(target);
  request.set(http::field::host, "127.0.0.1");
  request.set(http::field::content_type, "application/json");
  request.set(http::field::connection, "close");
  request.body() = body;
  request.prepare_payload();

  boost::asio::io_context context;
  beast::tcp_stream stream(context);
  beast::flat_buffer buffer;
  http::response<http::string_body> response;
  HttpResponse result;
  bool is_done = false;
  const auto finish = [&](const beast::error_code& error) {
    is_done = !error;
    if (error) result.error = error.message();
  };
  // The timeout holds for all three steps.
  stream.expires_after(kWaitLimit);
  stream.async_connect(
      {boost::asio::ip::address_v4::loopback(), port}, [&](beast::error_code connect_error) {
        if (connect_error) return finish(connect_error);
        http::async_write(stream, request, [&](beast::error_code write_error, size_t) {
          if (write_error) return finish(write_error);
          http::async_read(stream, buffer, response,
                           [&](beast::error_code read_error, size_t) { finish(read_error); });
        });
      });
  context.run();
  if (!is_done) return result;
  result.status = static_cast<int>(response.result_int());
  for (const auto& field : response) {
    result.headers[LowerCase(std::string(field.name_string()))] = std::string(field.value());
  }
  result.body = response.body();
  return result;
}

}  // namespace belfry::integration
