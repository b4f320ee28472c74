// An app that receives job triggers over HTTP: it answers POST /job/<name> with 200 and prints one
// line for each, with the time of arrival, the job's name and the payload.
//
//   belfry-example-app [PORT]     0, the default, takes a free port; the port is printed first

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <iostream>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

namespace {

namespace beast = boost::beast;
namespace http = beast::http;
using tcp = boost::asio::ip::tcp;

constexpr std::string_view kJobPath = "/job/";
constexpr uint64_t kMaxBodyBytes = uint64_t{4} * 1024 * 1024;

// The time of day in UTC with milliseconds, as RFC 3339 has it.
std::string Now() {
  const auto now = std::chrono::system_clock::now();
  const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
  const auto millis =
      std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count() % 1000;
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  char day_and_time[32];
  std::strftime(day_and_time, sizeof day_and_time, "%Y-%m-%dT%H:%M:%S", &utc);
  char text[48];
  std::snprintf(text, sizeof text, "%s.%03dZ", day_and_time, static_cast<int>(millis));
  return text;
}

// One whole line at a time, at once: whoever reads the output follows it as it grows.
void Print(const std::string& line) {
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  std::cout << line << std::endl;
}

// 2xx tells that the job was done, 404 that there is no handler for it; after anything else the
// job's failure policy decides whether it is tried again.
http::status Handle(const http::request<http::string_body>& request) {
  const std::string target(request.target());
  if (target == "/healthz") return http::status::ok;
  if (request.method() != http::verb::post || !target.starts_with(kJobPath)) {
    return http::status::not_found;
  }
  Print(Now() + " job=" + target.substr(kJobPath.size()) + " body=" + request.body());
  return http::status::ok;
}

// Serves one connection until the caller closes it. The sidecar keeps its connections open and uses
// several when triggers overlap, so each has a thread.
void Serve(tcp::socket socket) {
  beast::flat_buffer buffer;
  beast::error_code error;
  for (;;) {
    http::request_parser<http::string_body> parser;
    parser.body_limit(kMaxBodyBytes);
    http::read(socket, buffer, parser, error);
    if (error) return;
    const http::request<http::string_body> request = parser.release();

    http::response<http::empty_body> response(Handle(request), request.version());
    response.keep_alive(request.keep_alive());
    response.prepare_payload();
    http::write(socket, response, error);
    if (error || !response.keep_alive()) return;
  }
}

std::optional<uint16_t> ParsePort(std::string_view text) {
  uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return port;
}

int Run(uint16_t port) {
  boost::asio::io_context context;
  beast::error_code error;
  tcp::acceptor acceptor(context);
  const tcp::endpoint endpoint(boost::asio::ip::address_v4::loopback(), port);
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(boost::asio::socket_base::reuse_address(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(boost::asio::socket_base::max_listen_connections, error);
  if (error) {
    std::cerr << "cannot listen on port " << port << ": " << error.message() << "\n";
    return 1;
  }
  Print("listening on 127.0.0.1:" + std::to_string(acceptor.local_endpoint().port()));
  for (;;) {
    tcp::socket socket(context);
    acceptor.accept(socket, error);
    if (error) continue;
    std::thread(Serve, std::move(socket)).detach();
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::optional<uint16_t> port = argc > 1 ? ParsePort(argv[1]) : 0;
  if (argc > 2 || !port.has_value()) {
    std::cerr << "usage: belfry-example-app [PORT]\n";
    return 2;
  }
  return Run(*port);
}
