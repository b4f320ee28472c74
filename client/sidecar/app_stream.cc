#include "client/sidecar/app_stream.h"

#include <fmt/format.h>
#include <openssl/ssl.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/http.hpp>
#include <utility>
#include <vector>

namespace belfry::sidecar {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;
using boost::system::error_code;

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);

void SetStreamTimeout(beast::tcp_stream& stream, absl::Duration timeout) {
  if (timeout == absl::InfiniteDuration()) {
    stream.expires_never();
  } else {
    stream.expires_after(absl::ToChronoNanoseconds(timeout));
  }
}

absl::Status Unavailable(std::string_view what, const error_code& ec) {
  return absl::UnavailableError(fmt::format("cannot {} the app: {}", what, ec.message()));
}

bool IsNumeric(const std::string& host) {
  error_code not_numeric;
  asio::ip::make_address(host, not_numeric);
  return !not_numeric;
}

// TLS 1.2 at least, without a look at the app's certificate.
asio::ssl::context& TlsContext() {
  static asio::ssl::context& context = *[] {
    auto* made = new asio::ssl::context(asio::ssl::context::tls_client);  // never destroyed
    made->set_verify_mode(asio::ssl::verify_none);
    SSL_CTX_set_min_proto_version(made->native_handle(), TLS1_2_VERSION);
    return made;
  }();
  return context;
}

}  // namespace

std::string HostPort(const AppAddress& address) {
  const bool v6 = address.host.find(':') != std::string::npos;
  return v6 ? fmt::format("[{}]:{}", address.host, address.port)
            : fmt::format("{}:{}", address.host, address.port);
}

asio::awaitable<absl::Status> ConnectToApp(beast::tcp_stream& stream, AppAddress address,
                                           absl::Duration timeout) {
  const auto port = static_cast<asio::ip::port_type>(address.port);
  std::vector<tcp::endpoint> endpoints;
  if (IsNumeric(address.host)) {
    endpoints.emplace_back(asio::ip::make_address(address.host), port);
  } else {
    tcp::resolver resolver(stream.get_executor());
    const auto [ec, results] =
        co_await resolver.async_resolve(address.host, std::to_string(address.port), kAwait);
    if (ec) co_return Unavailable(fmt::format("resolve the host \"{}\" of", address.host), ec);
    for (const auto& result : results) endpoints.push_back(result.endpoint());
  }
  SetStreamTimeout(stream, timeout);
  const auto [ec, endpoint] = co_await stream.async_connect(endpoints, kAwait);
  if (ec) co_return Unavailable("connect to", ec);
  error_code ignored;
  stream.socket().set_option(tcp::no_delay(true), ignored);
  co_return absl::OkStatus();
}

AppStream::AppStream(asio::any_io_executor executor, AppAddress address)
    : tcp_(asio::make_strand(std::move(executor))), address_(std::move(address)) {}

asio::awaitable<absl::Status> AppStream::Connect(absl::Duration timeout) {
  absl::Status connected = co_await ConnectToApp(tcp_, address_, timeout);
  if (!connected.ok() || !address_.tls) co_return connected;
  tls_.emplace(tcp_, TlsContext());
  // What SSL_set_tlsext_host_name does, which is a macro with a cast of C.
  std::string host = address_.host;
  if (!IsNumeric(host) && SSL_ctrl(tls_->native_handle(), SSL_CTRL_SET_TLSEXT_HOSTNAME,
                                   TLSEXT_NAMETYPE_host_name, host.data()) != 1) {
    co_return absl::InternalError("the app's host name cannot be put into a TLS greeting: " + host);
  }
  const auto [ec] = co_await tls_->async_handshake(asio::ssl::stream_base::client, kAwait);
  if (ec) co_return Unavailable("speak TLS with", ec);
  co_return absl::OkStatus();
}

void AppStream::SetTimeout(absl::Duration timeout) { SetStreamTimeout(tcp_, timeout); }

asio::awaitable<error_code> AppStream::Write(const AppRequest& request) {
  if (tls_) {
    const auto [ec, size] = co_await http::async_write(*tls_, request, kAwait);
    co_return ec;
  }
  const auto [ec, size] = co_await http::async_write(tcp_, request, kAwait);
  co_return ec;
}

asio::awaitable<error_code> AppStream::ReadHeader(beast::flat_buffer& buffer,
                                                  AppResponseParser& parser) {
  if (tls_) {
    const auto [ec, size] = co_await http::async_read_header(*tls_, buffer, parser, kAwait);
    co_return ec;
  }
  const auto [ec, size] = co_await http::async_read_header(tcp_, buffer, parser, kAwait);
  co_return ec;
}

asio::awaitable<error_code> AppStream::Read(beast::flat_buffer& buffer, AppResponseParser& parser) {
  if (tls_) {
    const auto [ec, size] = co_await http::async_read(*tls_, buffer, parser, kAwait);
    co_return ec;
  }
  const auto [ec, size] = co_await http::async_read(tcp_, buffer, parser, kAwait);
  co_return ec;
}

void AppStream::Close() {
  error_code ignored;
  tcp_.socket().close(ignored);
}

}  // namespace belfry::sidecar
