#include "client/sidecar/http_session.h"

#include <fmt/format.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "client/sidecar/counted.h"
#include "client/sidecar/http2_session.h"

namespace belfry::sidecar {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using boost::system::error_code;
using Parser = http::request_parser<http::string_body>;
using Response = http::response<http::string_body>;

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t kReadChunk = 4096;
// What is read ahead beside a head of the largest size. Also the most that the extensions of a
// chunk, or the trailers of a body, may have: they are parsed as a whole.
constexpr std::size_t kReadAhead = std::size_t{64} << 10;
// What a client of HTTP/2 says first.
constexpr std::string_view kHttp2Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
constexpr std::string_view kSwitching =
    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n";

auto ToChrono(absl::Duration duration) { return absl::ToChronoNanoseconds(duration); }

// What a client needs that asks to go on with HTTP/2; nothing if it does not, or not properly.
std::optional<std::string> AskedForHttp2(const Parser::value_type& head) {
  constexpr char kSettings[] = "HTTP2-Settings";
  if (head.version() != 11 || head.count(kSettings) != 1) return std::nullopt;
  http::token_list connection{head[http::field::connection]};
  if (!connection.exists("Upgrade") || !connection.exists(kSettings)) return std::nullopt;
  if (!http::token_list{head[http::field::upgrade]}.exists("h2c")) return std::nullopt;
  return DecodeHttp2Settings(std::string(head[kSettings]));
}

// Whether the client sent something that is no HTTP, rather than nothing more.
bool IsMalformed(const error_code& ec) {
  const auto& http_errors = http::make_error_code(http::error::bad_method).category();
  return ec.category() == http_errors && ec != http::error::end_of_stream &&
         ec != http::error::partial_message;
}

// Hands a request to the handler and waits for its response. The handler may answer on any thread,
// so the way back goes through the connection's own executor.
asio::awaitable<HttpResponse> Answer(const HttpHandler& handler, HttpRequest request) {
  const auto initiate = [&handler](auto completion, HttpRequest passed) {
    auto executor = asio::get_associated_executor(completion);
    handler(std::move(passed),
            [completion = std::move(completion), executor](HttpResponse response) mutable {
              asio::post(executor, [completion = std::move(completion),
                                    response = std::move(response)]() mutable {
                std::move(completion)(std::move(response));
              });
            });
  };
  HttpResponse response =
      co_await asio::async_initiate<const asio::use_awaitable_t<>, void(HttpResponse)>(
          initiate, asio::use_awaitable, std::move(request));
  co_return response;
}

// One connection. Its methods run on the connection's strand.
class Session {
 public:
  Session(HttpSocket socket, std::shared_ptr<HttpServerState> state)
      : stream_(std::move(socket)),
        state_(std::move(state)),
        buffer_(state_->options.max_header_bytes + kReadAhead) {}

  asio::awaitable<void> Run() {
    const Counted connection(state_->connections);
    if (connection.count() > state_->options.max_connections) {
      co_await Refuse(503, fmt::format("too many connections: the limit is {}, see "
                                       "--http-max-connections\n",
                                       state_->options.max_connections));
      co_return;
    }
    const bool began = co_await WaitForRequest();
    if (!began) co_return;
    const bool is_http2 = co_await BeginsAsHttp2();
    if (is_http2) {
      co_await GoOnWithHttp2(std::nullopt);
      co_return;
    }
    bool more = true;
    while (more) {
      const bool arrived = co_await WaitForRequest();
      if (!arrived) co_return;
      std::optional<Counted> request(std::in_place, state_->requests);
      more = co_await ServeOne();
      request.reset();
      if (!upgrade_) continue;
      co_await GoOnWithHttp2(std::exchange(upgrade_, std::nullopt));
      co_return;
    }
    error_code ignored;
    stream_.socket().shutdown(asio::socket_base::shutdown_send, ignored);
  }

 private:
  // Waits until bytes of the next request are there.
  asio::awaitable<bool> WaitForRequest() {
    if (buffer_.size() > 0) co_return true;
    stream_.expires_after(ToChrono(state_->options.idle_timeout));
    const bool arrived = co_await ReadSome();
    co_return arrived;
  }

  asio::awaitable<bool> ReadSome() {
    const auto space = buffer_.prepare(kReadChunk);
    const auto [ec, size] = co_await stream_.async_read_some(space, kAwait);
    if (ec) co_return false;
    buffer_.commit(size);
    co_return true;
  }

  std::string_view Unread() const {
    const auto data = buffer_.cdata();
    return {static_cast<const char*>(data.data()), data.size()};
  }

  // Reads on until it is clear.
  asio::awaitable<bool> BeginsAsHttp2() {
    stream_.expires_after(ToChrono(state_->options.header_timeout));
    while (kHttp2Preface.starts_with(Unread().substr(0, kHttp2Preface.size()))) {
      if (buffer_.size() >= kHttp2Preface.size()) co_return true;
      const bool arrived = co_await ReadSome();
      if (!arrived) break;  // reading the request will say why
    }
    co_return false;
  }

  asio::awaitable<void> GoOnWithHttp2(std::optional<Http2Upgrade> upgrade) {
    stream_.expires_never();
    const std::string first(Unread());
    co_await RunHttp2Session(stream_.release_socket(), state_, first, std::move(upgrade));
  }

  // Reads and answers one request; whether another may follow.
  asio::awaitable<bool> ServeOne() {
    std::optional<Parser> parser(std::in_place);
    parser->header_limit(static_cast<std::uint32_t>(state_->options.max_header_bytes));
    parser->body_limit(boost::none);  // checked below, where it can be answered
    stream_.expires_after(ToChrono(state_->options.header_timeout));
    const auto [header_error, header_size] =
        co_await http::async_read_header(stream_, buffer_, *parser, kAwait);
    if (header_error == http::error::header_limit) {
      co_await Refuse(HeadTooLarge(state_->options));
      co_return false;
    }
    if (header_error) {
      if (IsMalformed(header_error)) co_await Refuse(400, "400 Bad Request");
      co_return false;
    }
    // How long such a body is cannot be known, and so not where the next request begins.
    const std::string coding(parser->get()[http::field::transfer_encoding]);
    if (!coding.empty() && !beast::iequals(coding, "chunked")) {
      co_await Refuse(501,
                      fmt::format("Transfer-Encoding \"{}\": only chunked is understood", coding));
      co_return false;
    }
    // RFC 9112, 3.2; a proxy before us might have gone by another one.
    if (parser->get().version() == 11 && parser->get().count(http::field::host) != 1) {
      co_await Refuse(400, "400 Bad Request: there must be one Host");
      co_return false;
    }

    HttpRequest request;
    net::BudgetShare share(state_->options.budget);
    const bool body_ok = co_await ReadBody(*parser, &request, &share);
    if (!body_ok) co_return false;
    const auto& head = parser->get();
    request.method = std::string(head.method_string());
    request.target = std::string(head.target());
    request.api_token = std::string(head["dapr-api-token"]);
    const bool is_head = head.method() == http::verb::head;
    const bool keep_alive = head.keep_alive() && !request.body_too_large;
    const bool unread = request.body_too_large;
    request.body = std::move(parser->get().body());
    auto settings = AskedForHttp2(head);
    if (settings && !request.body_too_large) {
      const bool switched = co_await WriteText(kSwitching);
      if (switched) {
        upgrade_.emplace(Http2Upgrade{std::move(request), *std::move(settings), std::move(share)});
      }
      co_return switched;
    }

    HttpResponse response = co_await Answer(state_->handler, std::move(request));
    if (const absl::Status room = share.GrowTo(response.body.size()); !room.ok()) {
      response = TooManyBytes(room);
    }
    const bool more = keep_alive && !state_->closing;
    const bool written = co_await Write(std::move(response), more, is_head);
    if (written && unread) co_await Linger();
    co_return written&& more;
  }

  // Reads the body into the parser, or notes that it is too large; false if the connection broke.
  asio::awaitable<bool> ReadBody(Parser& parser, HttpRequest* request, net::BudgetShare* share) {
    const auto limit = state_->options.max_body_bytes;
    const auto length = parser.content_length();
    if (length && *length > limit) {
      request->body_too_large = true;
      co_return true;
    }
    parser.body_limit(limit);
    stream_.expires_after(ToChrono(state_->options.body_timeout));
    if (!parser.is_done() && beast::iequals(parser.get()[http::field::expect], "100-continue")) {
      const bool written = co_await WriteText("HTTP/1.1 100 Continue\r\n\r\n");
      if (!written) co_return false;
    }
    while (!parser.is_done()) {
      const auto [ec, size] = co_await http::async_read_some(stream_, buffer_, parser, kAwait);
      if (ec == http::error::body_limit) {
        request->body_too_large = true;
        co_return true;
      }
      if (IsMalformed(ec)) co_await Refuse(400, "400 Bad Request");
      if (ec) co_return false;
      const absl::Status room = share->GrowTo(parser.get().body().size());
      if (!room.ok()) {
        co_await Refuse(TooManyBytes(room));
        co_return false;
      }
    }
    co_return true;
  }

  asio::awaitable<bool> WriteText(std::string_view text) {
    const auto bytes = asio::buffer(text.data(), text.size());
    const auto [ec, size] = co_await asio::async_write(stream_, bytes, kAwait);
    co_return !ec;
  }

  asio::awaitable<bool> Write(HttpResponse answer, bool keep_alive, bool is_head) {
    Response response;
    response.version(11);
    response.result(static_cast<unsigned>(answer.status));
    if (!answer.content_type.empty()) {
      response.set(http::field::content_type, answer.content_type);
    }
    response.keep_alive(keep_alive);
    if (answer.status != 204) response.content_length(answer.body.size());
    if (!is_head) response.body() = std::move(answer.body);
    stream_.expires_after(ToChrono(state_->options.write_timeout));
    const auto [ec, size] = co_await http::async_write(stream_, response, kAwait);
    co_return !ec;
  }

  // Answers a request that cannot be served, and ends the connection.
  asio::awaitable<void> Refuse(int status, std::string text) {
    HttpResponse response;
    response.status = status;
    response.content_type = "text/plain; charset=utf-8";
    response.body = std::move(text);
    co_await Refuse(std::move(response));
  }
  asio::awaitable<void> Refuse(HttpResponse response) {
    const bool written = co_await Write(std::move(response), false, false);
    if (written) co_await Linger();
  }

  // Takes what the client still sends: closing with unread bytes would reset the connection and
  // could destroy the response on its way.
  asio::awaitable<void> Linger() {
    error_code ignored;
    stream_.socket().shutdown(asio::socket_base::shutdown_send, ignored);
    stream_.expires_after(ToChrono(kHttpLingerTime));
    buffer_.clear();
    std::size_t total = 0;
    while (total < kHttpLingerBytes) {
      const auto space = buffer_.prepare(kReadChunk);
      const auto [ec, size] = co_await stream_.async_read_some(space, kAwait);
      if (ec) co_return;
      total += size;
    }
  }

  beast::basic_stream<asio::generic::stream_protocol> stream_;
  const std::shared_ptr<HttpServerState> state_;
  beast::flat_buffer buffer_;
  std::optional<Http2Upgrade> upgrade_;  // the client and we agreed to go on with HTTP/2
};

}  // namespace

asio::awaitable<void> RunHttpSession(HttpSocket socket, std::shared_ptr<HttpServerState> state) {
  Session session(std::move(socket), std::move(state));
  co_await session.Run();
}

}  // namespace belfry::sidecar
