#include "client/sidecar/http2_endpoint.h"

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include "client/sidecar/limits.h"

namespace belfry::sidecar {
namespace {

namespace asio = boost::asio;

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t kReadChunk = std::size_t{16} << 10;
constexpr std::size_t kWriteChunk = std::size_t{64} << 10;

absl::Duration Since(Http2Endpoint::Time then, Http2Endpoint::Time now) {
  return absl::FromChrono(now - then);
}

std::string_view View(const uint8_t* bytes, std::size_t size) {
  return {reinterpret_cast<const char*>(bytes), size};
}

bool EndsStream(const nghttp2_frame& frame) {
  return (frame.hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
}

}  // namespace

// What the library calls; `user` is the endpoint.
struct Http2Endpoint::Callbacks {
  static Http2Endpoint& Of(void* user) { return *static_cast<Http2Endpoint*>(user); }

  static int BeginHeaders(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    if (frame->headers.cat == NGHTTP2_HCAT_REQUEST) Of(user).OnBegin(frame->hd.stream_id);
    return 0;
  }
  static int Header(nghttp2_session*, const nghttp2_frame* frame, const uint8_t* name,
                    std::size_t name_size, const uint8_t* value, std::size_t value_size, uint8_t,
                    void* user) {
    Of(user).OnHeader(frame->hd.stream_id, View(name, name_size), View(value, value_size));
    return 0;
  }
  static int Frame(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    return Of(user).TakeFrame(*frame) ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;
  }
  static int Data(nghttp2_session*, uint8_t, int32_t stream, const uint8_t* bytes, std::size_t size,
                  void* user) {
    Of(user).OnBody(stream, View(bytes, size));
    return 0;
  }
  static int Sent(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    const bool carries = frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA;
    if (carries && EndsStream(*frame)) Of(user).OnSent(frame->hd.stream_id);
    return 0;
  }
  static int Closed(nghttp2_session*, int32_t stream, uint32_t error, void* user) {
    Of(user).OnClosed(stream, error);
    return 0;
  }
};

Http2Endpoint::Http2Endpoint(Side side, HttpSocket socket, absl::Duration write_timeout)
    : socket_(std::move(socket)), timer_(socket_.get_executor()), write_timeout_(write_timeout) {
  nghttp2_session_callbacks* callbacks = nullptr;
  nghttp2_session_callbacks_new(&callbacks);
  nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, &Callbacks::BeginHeaders);
  nghttp2_session_callbacks_set_on_header_callback(callbacks, &Callbacks::Header);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, &Callbacks::Frame);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, &Callbacks::Data);
  nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, &Callbacks::Sent);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, &Callbacks::Closed);
  nghttp2_option* option = nullptr;
  nghttp2_option_new(&option);
  nghttp2_option_set_stream_reset_rate_limit(option, kHttp2ResetBurst, kHttp2ResetsPerSecond);
  nghttp2_option_set_max_outbound_ack(option, kHttp2MaxUnsentAcks);
  nghttp2_option_set_no_closed_streams(option, 1);
  if (side == Side::kServer) {
    nghttp2_session_server_new2(&session_, callbacks, this, option);
  } else {
    nghttp2_session_client_new2(&session_, callbacks, this, option);
  }
  nghttp2_option_del(option);
  nghttp2_session_callbacks_del(callbacks);
}

Http2Endpoint::~Http2Endpoint() { nghttp2_session_del(session_); }

void Http2Endpoint::SubmitSettings(const std::vector<nghttp2_settings_entry>& settings) {
  nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings.data(), settings.size());
  nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0,
                                        kHttp2ConnectionWindowBytes);
}

asio::awaitable<void> Http2Endpoint::Run(std::string first) {
  const auto self = shared_from_this();
  asio::co_spawn(executor(), Watch(), asio::detached);
  bool more = Feed(first);
  Flush();
  std::array<char, kReadChunk> buffer;
  while (more && !closed_) {
    const auto [ec, size] = co_await socket_.async_read_some(asio::buffer(buffer), kAwait);
    if (ec) break;
    if (ending_) continue;
    more = Feed({buffer.data(), size});
    Flush();
  }
  Close();
  OnEnd();
}

bool Http2Endpoint::Feed(std::string_view bytes) {
  const auto* data = reinterpret_cast<const uint8_t*>(bytes.data());
  return nghttp2_session_mem_recv(session_, data, bytes.size()) >= 0;
}

bool Http2Endpoint::TakeFrame(const nghttp2_frame& frame) {
  const int32_t stream = frame.hd.stream_id;
  const bool has_content =
      frame.hd.type == NGHTTP2_HEADERS ||
      (frame.hd.type == NGHTTP2_DATA && (frame.hd.length > 0 || EndsStream(frame)));
  if (!has_content && ++control_frames_ > kHttp2MaxControlFrames) {
    Terminate(NGHTTP2_ENHANCE_YOUR_CALM);
    return true;
  }
  if (frame.hd.type == NGHTTP2_HEADERS) OnHead(stream);
  const bool is_ack = (frame.hd.flags & NGHTTP2_FLAG_ACK) != 0;
  if (frame.hd.type == NGHTTP2_SETTINGS && !is_ack) OnSettings();
  if (frame.hd.type == NGHTTP2_GOAWAY) OnGoAway();
  const bool carries = frame.hd.type == NGHTTP2_HEADERS || frame.hd.type == NGHTTP2_DATA;
  if (carries && EndsStream(frame)) OnPeerDone(stream);
  return true;
}

void Http2Endpoint::Flush() {
  if (writing_ || closed_ || ending_) return;
  writing_ = true;
  // Later: this may be called while the library is at work.
  asio::post(executor(), [self = shared_from_this()] {
    asio::co_spawn(self->executor(), self->Write(), asio::detached);
  });
}

bool Http2Endpoint::Collect() {
  out_.clear();
  while (!closed_ && out_.size() < kWriteChunk) {
    const uint8_t* bytes = nullptr;
    const ssize_t size = nghttp2_session_mem_send(session_, &bytes);
    if (size < 0) Close();
    if (size <= 0) break;
    out_.append(View(bytes, static_cast<std::size_t>(size)));
  }
  return !closed_ && !out_.empty();
}

asio::awaitable<void> Http2Endpoint::Write() {
  const auto self = shared_from_this();
  while (Collect()) {
    write_began_ = std::chrono::steady_clock::now();
    const auto [ec, size] = co_await asio::async_write(socket_, asio::buffer(out_), kAwait);
    if (ec) Close();
  }
  writing_ = false;
  if (closed_ || ending_) co_return;
  if (nghttp2_session_want_read(session_) != 0 || nghttp2_session_want_write(session_) != 0) {
    co_return;
  }
  // Closing with unread bytes would reset the connection and could destroy what was just sent.
  ending_ = true;
  end_began_ = std::chrono::steady_clock::now();
  boost::system::error_code ignored;
  socket_.shutdown(asio::socket_base::shutdown_send, ignored);
}

asio::awaitable<void> Http2Endpoint::Watch() {
  const auto self = shared_from_this();
  while (!closed_) {
    timer_.expires_after(absl::ToChronoNanoseconds(kHttp2TickInterval));
    co_await timer_.async_wait(kAwait);
    if (!closed_) Tick(std::chrono::steady_clock::now());
  }
}

void Http2Endpoint::Tick(Time now) {
  control_frames_ = 0;
  if (writing_ && !out_.empty() && Since(write_began_, now) > write_timeout_) return Close();
  if (ending_) {
    if (Since(end_began_, now) > kHttpLingerTime) Close();
    return;
  }
  OnTick(now);
}

void Http2Endpoint::Terminate(uint32_t error) {
  nghttp2_session_terminate_session(session_, error);
  Flush();
}

void Http2Endpoint::Reset(int32_t stream, uint32_t error) {
  nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, stream, error);
  Flush();
}

void Http2Endpoint::Close() {
  if (closed_) return;
  closed_ = true;
  boost::system::error_code ignored;
  socket_.close(ignored);
  timer_.cancel();
}

std::vector<nghttp2_nv> ToNameValues(const std::vector<Http2Endpoint::Header>& headers) {
  const auto bytes = [](const std::string& text) {
    // The library copies; it only lacks a const.
    return const_cast<uint8_t*>(reinterpret_cast<const uint8_t*>(text.data()));
  };
  std::vector<nghttp2_nv> out;
  for (const auto& [name, value] : headers) {
    out.push_back({bytes(name), bytes(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE});
  }
  return out;
}

}  // namespace belfry::sidecar
