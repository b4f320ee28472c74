#include "client/sidecar/http2_app_connection.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/field.hpp>
#include <cctype>
#include <charconv>
#include <cstring>
#include <utility>

#include "client/sidecar/limits.h"

namespace belfry::sidecar {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;

std::string LowerCase(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

std::vector<Http2Endpoint::Header> HeadersOf(const AppRequest& request) {
  std::vector<Http2Endpoint::Header> headers = {
      {":method", std::string(request.method_string())},
      {":scheme", "http"},
      {":authority", std::string(request[http::field::host])},
      {":path", std::string(request.target())},
  };
  for (const auto& field : request) {
    if (field.name() == http::field::host || field.name() == http::field::connection) continue;
    const auto name = field.name_string();
    headers.emplace_back(LowerCase({name.data(), name.size()}), std::string(field.value()));
  }
  return headers;
}

}  // namespace

struct Http2AppConnection::Call {
  Call(asio::any_io_executor executor, std::unique_ptr<AppExchange> call_exchange)
      : exchange(std::move(call_exchange)), timer(std::move(executor)) {}

  std::unique_ptr<AppExchange> exchange;
  asio::steady_timer timer;
  int32_t stream = 0;  // once sent
  std::size_t sent = 0;
  int status = 0;  // of the head that is coming in
  int interim = 0;
  std::size_t answer_bytes = 0;
  bool told = false;  // the caller knows
};

Http2AppConnection::Http2AppConnection(asio::any_io_executor executor, AppAddress address,
                                       std::size_t expected_streams, GiveBack give_back)
    : Http2Endpoint(Side::kClient, HttpSocket(std::move(executor)), absl::InfiniteDuration()),
      address_(std::move(address)),
      expected_streams_(expected_streams),
      give_back_(std::move(give_back)),
      began_(std::chrono::steady_clock::now()),
      idle_since_(began_) {}

void Http2AppConnection::Start() { asio::co_spawn(executor(), Connect(), asio::detached); }

asio::awaitable<void> Http2AppConnection::Connect() {
  const auto self = shared_from_this();
  boost::beast::tcp_stream stream(executor());
  const absl::Status connected = co_await ConnectToApp(stream, address_, kAppConnectTimeout);
  if (!connected.ok()) {
    ended_ = true;
    Close();
    FailAll(connected);
    co_return;
  }
  Attach(HttpSocket(stream.release_socket()));
  SubmitSettings({{NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
                  {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, kHttp2StreamWindowBytes}});
  co_await Run("");
}

void Http2AppConnection::OnSettings() {
  if (std::exchange(connected_, true)) return;
  for (const CallPtr& call : std::exchange(waiting_, {})) {
    if (by_stream_.size() < MaxStreams()) {
      Submit(call);
    } else {  // more were put here than the app takes
      call->timer.cancel();
      call->told = true;
      give_back_(std::move(call->exchange));
    }
  }
}

void Http2AppConnection::Send(std::unique_ptr<AppExchange> exchange) {
  auto call = std::make_shared<Call>(executor(), std::move(exchange));
  if (connected_) return Submit(call);
  SetTimer(call, call->exchange->timeout);
  waiting_.push_back(std::move(call));
}

void Http2AppConnection::Submit(const CallPtr& call) {
  SetTimer(call, call->exchange->timeout);
  const std::vector<Header> headers = HeadersOf(call->exchange->request);
  const auto values = ToNameValues(headers);
  nghttp2_data_provider body;
  body.source.ptr = call.get();
  body.read_callback = &ReadBody;
  const bool has_body = !call->exchange->request.body().empty();
  call->stream = nghttp2_submit_request(session(), nullptr, values.data(), values.size(),
                                        has_body ? &body : nullptr, nullptr);
  if (call->stream < 0) {  // all numbers of streams are used up
    draining_ = true;
    return Fail(*call, true, absl::UnavailableError("cannot send to the app: out of streams"));
  }
  by_stream_[call->stream] = call;
  Flush();
}

ssize_t Http2AppConnection::ReadBody(nghttp2_session*, int32_t, uint8_t* out, std::size_t size,
                                     uint32_t* flags, nghttp2_data_source* source, void*) {
  auto& call = *static_cast<Call*>(source->ptr);
  const std::string& body = call.exchange->request.body();
  const std::size_t count = std::min(size, body.size() - call.sent);
  std::memcpy(out, body.data() + call.sent, count);
  call.sent += count;
  if (call.sent == body.size()) *flags |= NGHTTP2_DATA_FLAG_EOF;
  return static_cast<ssize_t>(count);
}

std::size_t Http2AppConnection::MaxStreams() const {
  if (!connected_) return expected_streams_;
  auto* own = const_cast<Http2AppConnection*>(this);  // the library lacks a const
  const std::size_t of_app =
      nghttp2_session_get_remote_settings(own->session(), NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
  return std::min<std::size_t>(kMaxHttp2Streams, of_app);
}

bool Http2AppConnection::HasRoom() const {
  return IsUsable() && waiting_.size() + by_stream_.size() < MaxStreams();
}

void Http2AppConnection::SetTimer(const CallPtr& call, absl::Duration limit) {
  call->timer.cancel();
  if (limit == absl::InfiniteDuration()) return;
  call->timer.expires_after(absl::ToChronoNanoseconds(limit));
  call->timer.async_wait([weak = weak_from_this(), call](const boost::system::error_code& ec) {
    const auto self = std::static_pointer_cast<Http2AppConnection>(weak.lock());
    if (!ec && self != nullptr) self->Expired(call);
  });
}

void Http2AppConnection::Expired(const CallPtr& call) {
  if (call->timer.expiry() > std::chrono::steady_clock::now()) return;  // it was set anew
  Finish(*call, absl::UnavailableError("cannot read the answer of the app: it took too long"));
  Drop(call);
}

void Http2AppConnection::Drop(const CallPtr& call) {
  if (call->stream > 0) return Reset(call->stream, NGHTTP2_CANCEL);
  std::erase(waiting_, call);
}

void Http2AppConnection::Finish(Call& call, absl::StatusOr<int> status) {
  if (std::exchange(call.told, true)) return;
  call.exchange->done(std::move(status));
}

void Http2AppConnection::Fail(Call& call, bool may_retry, absl::Status status) {
  if (call.told) return;
  if (!may_retry || call.exchange->retried) return Finish(call, std::move(status));
  call.told = true;
  call.exchange->retried = true;
  give_back_(std::move(call.exchange));
}

void Http2AppConnection::FailAll(const absl::Status& status) {
  for (const CallPtr& call : std::exchange(waiting_, {})) {
    call->timer.cancel();
    Fail(*call, false, status);
  }
  for (const auto& [stream, call] : std::exchange(by_stream_, {})) {
    call->timer.cancel();
    Fail(*call, used_, status);
  }
}

void Http2AppConnection::CancelDeliveries() {
  std::vector<CallPtr> calls = waiting_;
  for (const auto& [stream, call] : by_stream_) calls.push_back(call);
  for (const CallPtr& call : calls) {
    if (call->told || call->exchange->kind != AppTransport::Kind::kDelivery) continue;
    call->timer.cancel();
    Finish(*call, absl::CancelledError("while the app worked on it"));
    Drop(call);
  }
}

void Http2AppConnection::OnHeader(int32_t stream, std::string_view name, std::string_view value) {
  const auto it = by_stream_.find(stream);
  if (it == by_stream_.end() || name != ":status") return;
  std::from_chars(value.data(), value.data() + value.size(), it->second->status);
}

void Http2AppConnection::OnHead(int32_t stream) {
  const auto it = by_stream_.find(stream);
  if (it == by_stream_.end() || it->second->told) return;
  const CallPtr call = it->second;
  if (call->status < 200) {
    if (++call->interim > kMaxInterimResponses) Reset(stream, NGHTTP2_CANCEL);
    return;
  }
  used_ = true;
  SetTimer(call, kAppResponseBodyTime);
  Finish(*call, call->status);
}

void Http2AppConnection::OnBody(int32_t stream, std::string_view bytes) {
  const auto it = by_stream_.find(stream);
  if (it == by_stream_.end()) return;
  it->second->answer_bytes += bytes.size();
  if (it->second->answer_bytes > kAppResponseBodyBytes) Reset(stream, NGHTTP2_CANCEL);
}

void Http2AppConnection::OnClosed(int32_t stream, uint32_t error) {
  const auto it = by_stream_.find(stream);
  if (it == by_stream_.end()) return;
  const CallPtr call = it->second;
  by_stream_.erase(it);
  call->timer.cancel();
  if (by_stream_.empty()) idle_since_ = std::chrono::steady_clock::now();
  Fail(*call, error == NGHTTP2_REFUSED_STREAM,
       absl::UnavailableError(
           fmt::format("the app ended the request: {}", nghttp2_http2_strerror(error))));
}

void Http2AppConnection::OnTick(Time now) {
  if (!connected_ && absl::FromChrono(now - began_) > kAppConnectTimeout) return Close();
  if (!by_stream_.empty()) return;
  if (draining_ || absl::FromChrono(now - idle_since_) > kAppConnectionIdleTime) {
    draining_ = true;
    Terminate(NGHTTP2_NO_ERROR);
  }
}

void Http2AppConnection::OnEnd() {
  ended_ = true;
  FailAll(absl::UnavailableError("cannot read the answer of the app: the connection has ended"));
}

}  // namespace belfry::sidecar
