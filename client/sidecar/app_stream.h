#pragma once

// The bytes between the sidecar and an HTTP app: TCP, with or without TLS.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace belfry::sidecar {

// Where the app listens.
struct AppAddress {
  std::string host;
  int port = 0;
  // Whether it speaks TLS. Its certificate is not looked at: the app is beside the sidecar, and
  // usually made its certificate itself.
  bool tls = false;
};

// "host:port", with brackets around an IPv6 address.
std::string HostPort(const AppAddress& address);

using AppRequest = boost::beast::http::request<boost::beast::http::string_body>;
using AppResponseParser = boost::beast::http::response_parser<boost::beast::http::string_body>;

// Connects `stream` to the app, without TLS; the error if no address of the app's answers within
// `timeout`.
boost::asio::awaitable<absl::Status> ConnectToApp(boost::beast::tcp_stream& stream,
                                                  AppAddress address, absl::Duration timeout);

// Thread safety: everything runs on the stream's executor, a strand.
class AppStream {
 public:
  AppStream(boost::asio::any_io_executor executor, AppAddress address);

  boost::beast::tcp_stream& tcp() { return tcp_; }
  const AppAddress& address() const { return address_; }
  bool is_open() { return tcp_.socket().is_open(); }

  // Connects, and agrees on keys if the app speaks TLS, in `timeout` at most. Unavailable, with the
  // reason, if that fails.
  boost::asio::awaitable<absl::Status> Connect(absl::Duration timeout);

  // How long each of the following may take; it may be infinite.
  void SetTimeout(absl::Duration timeout);
  // As the functions of Boost.Beast. REQUIRES: connected.
  boost::asio::awaitable<boost::system::error_code> Write(const AppRequest& request);
  boost::asio::awaitable<boost::system::error_code> ReadHeader(boost::beast::flat_buffer& buffer,
                                                               AppResponseParser& parser);
  boost::asio::awaitable<boost::system::error_code> Read(boost::beast::flat_buffer& buffer,
                                                         AppResponseParser& parser);

  // Closes without a farewell.
  void Close();

 private:
  using TlsStream = boost::asio::ssl::stream<boost::beast::tcp_stream&>;

  boost::beast::tcp_stream tcp_;
  const AppAddress address_;
  std::optional<TlsStream> tls_;  // while connected with TLS
};

}  // namespace belfry::sidecar
