#include "client/sidecar/http2_session.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <charconv>
#include <cstring>
#include <map>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "client/sidecar/counted.h"
#include "client/sidecar/http2_endpoint.h"
#include "client/sidecar/limits.h"

namespace belfry::sidecar {
namespace {

namespace asio = boost::asio;

constexpr std::size_t kBytesPerSetting = 6;
// What RFC 9113 adds to a header's size.
constexpr std::size_t kHeaderOverhead = 32;

class Http2Session : public Http2Endpoint {
 public:
  Http2Session(HttpSocket socket, std::shared_ptr<HttpServerState> state)
      : Http2Endpoint(Side::kServer, std::move(socket), state->options.write_timeout),
        state_(std::move(state)),
        began_(std::chrono::steady_clock::now()),
        idle_since_(began_) {
    const HttpServerOptions& options = state_->options;
    SubmitSettings({
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, static_cast<uint32_t>(options.max_streams)},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, static_cast<uint32_t>(options.max_header_bytes)},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, kHttp2StreamWindowBytes},
    });
  }

  asio::awaitable<void> Serve(std::string first, std::optional<Http2Upgrade> upgrade) {
    const auto self = shared_from_this();
    if (upgrade) {
      const auto& settings = upgrade->settings;
      const auto* bytes = reinterpret_cast<const uint8_t*>(settings.data());
      const int is_head = upgrade->request.method == "HEAD" ? 1 : 0;
      if (nghttp2_session_upgrade2(session(), bytes, settings.size(), is_head, nullptr) != 0) {
        co_return;
      }
      constexpr int32_t kUpgradedStream = 1;
      OnBegin(kUpgradedStream);
      Stream& stream = streams_.at(kUpgradedStream);
      stream.request = std::move(upgrade->request);
      stream.share = std::move(upgrade->share);
      stream.head_done = stream.peer_done = true;
      Dispatch(kUpgradedStream, stream);
    }
    co_await Run(std::move(first));
  }

 private:
  struct Stream {
    HttpRequest request;
    std::size_t header_bytes = 0;
    std::optional<std::size_t> length;  // that the client announced
    bool asks_first = false;            // waits for a 100 before it sends the body
    bool head_done = false;
    bool peer_done = false;
    bool dispatched = false;  // the handler has it, or it was refused
    Time began;
    Time responded;
    std::optional<HttpResponse> response;  // being sent
    std::size_t sent = 0;                  // bytes of its body
    std::optional<Counted> counted;
    net::BudgetShare share{nullptr};  // the handler's answer has it meanwhile
  };

  void OnBegin(int32_t id) override {
    Stream& stream = streams_[id];
    stream.began = std::chrono::steady_clock::now();
    stream.counted.emplace(state_->requests);
    stream.share = net::BudgetShare(state_->options.budget);
  }

  void OnHeader(int32_t id, std::string_view name, std::string_view value) override {
    const auto it = streams_.find(id);
    if (it == streams_.end()) return;
    Stream& stream = it->second;
    stream.header_bytes += name.size() + value.size() + kHeaderOverhead;
    if (stream.header_bytes > state_->options.max_header_bytes || stream.head_done) return;
    if (name == ":method") stream.request.method = std::string(value);
    if (name == ":path") stream.request.target = std::string(value);
    if (name == "dapr-api-token") stream.request.api_token = std::string(value);
    if (name == "expect") stream.asks_first = value == "100-continue";
    if (name == "content-length") {
      std::size_t length = 0;
      std::from_chars(value.data(), value.data() + value.size(), length);
      stream.length = length;  // the library has checked that it is a number
    }
  }

  void OnHead(int32_t id) override {
    const auto it = streams_.find(id);
    if (it == streams_.end() || it->second.head_done) return;
    Stream& stream = it->second;
    stream.head_done = true;
    if (stream.header_bytes > state_->options.max_header_bytes) {
      stream.dispatched = true;
      return Respond(id, stream, HeadTooLarge(state_->options));
    }
    if (stream.length.value_or(0) > state_->options.max_body_bytes) {
      return DispatchTooLarge(id, stream);
    }
    if (!stream.asks_first) return;
    const std::vector<Header> headers = {{":status", "100"}};
    const auto values = ToNameValues(headers);
    nghttp2_submit_headers(session(), NGHTTP2_FLAG_NONE, id, nullptr, values.data(), values.size(),
                           nullptr);
  }

  void OnBody(int32_t id, std::string_view bytes) override {
    const auto it = streams_.find(id);
    if (it == streams_.end() || it->second.dispatched) return;
    Stream& stream = it->second;
    if (stream.request.body.size() + bytes.size() > state_->options.max_body_bytes) {
      return DispatchTooLarge(id, stream);
    }
    const absl::Status room = stream.share.GrowTo(stream.request.body.size() + bytes.size());
    if (!room.ok()) {
      stream.request.body.clear();
      stream.dispatched = true;
      return Respond(id, stream, TooManyBytes(room));
    }
    stream.request.body.append(bytes);
  }

  void OnPeerDone(int32_t id) override {
    const auto it = streams_.find(id);
    if (it == streams_.end()) return;
    it->second.peer_done = true;
    if (!it->second.dispatched) Dispatch(id, it->second);
  }

  void OnSent(int32_t id) override {
    // The rest of a request that was answered early is not wanted.
    const auto it = streams_.find(id);
    if (it != streams_.end() && !it->second.peer_done) Reset(id, NGHTTP2_NO_ERROR);
  }

  void OnClosed(int32_t id, uint32_t) override {
    streams_.erase(id);
    if (!streams_.empty()) return;
    idle_since_ = std::chrono::steady_clock::now();
    if (state_->closing) Terminate(NGHTTP2_NO_ERROR);
  }

  void OnTick(Time now) override {
    const HttpServerOptions& options = state_->options;
    if (state_->closing) SayGoodbye();
    if (streams_.empty() && absl::FromChrono(now - idle_since_) > options.idle_timeout) {
      return Terminate(NGHTTP2_NO_ERROR);
    }
    std::vector<int32_t> late;
    for (const auto& [id, stream] : streams_) {
      const absl::Duration age = absl::FromChrono(now - stream.began);
      // Half a head keeps everything else from being read.
      if (!stream.head_done && age > options.header_timeout) return Close();
      const bool slow_body = !stream.dispatched && age > options.body_timeout;
      const bool slow_reader =
          stream.response && absl::FromChrono(now - stream.responded) > options.write_timeout;
      if (slow_body || slow_reader) late.push_back(id);
    }
    for (const int32_t id : late) Reset(id, NGHTTP2_CANCEL);
  }

  // No further requests; those that are there are answered.
  void SayGoodbye() {
    if (streams_.empty()) return Terminate(NGHTTP2_NO_ERROR);
    if (std::exchange(said_goodbye_, true)) return;
    nghttp2_submit_goaway(session(), NGHTTP2_FLAG_NONE,
                          nghttp2_session_get_last_proc_stream_id(session()), NGHTTP2_NO_ERROR,
                          nullptr, 0);
    Flush();
  }

  void DispatchTooLarge(int32_t id, Stream& stream) {
    stream.request.body.clear();
    stream.request.body_too_large = true;
    Dispatch(id, stream);
  }

  void Dispatch(int32_t id, Stream& stream) {
    stream.dispatched = true;
    // Streams that were reset do not count as streams any more, but their handlers are at work.
    if (running_ >= state_->options.max_streams) return Reset(id, NGHTTP2_REFUSED_STREAM);
    ++running_;
    const auto self = std::static_pointer_cast<Http2Session>(shared_from_this());
    stream.request.body.shrink_to_fit();
    const bool is_head = stream.request.method == "HEAD";
    state_->handler(std::move(stream.request),
                    [weak = std::weak_ptr<Http2Session>(self), executor = executor(), id, is_head,
                     share = std::move(stream.share)](HttpResponse response) mutable {
                      asio::post(executor, [weak, id, is_head, response = std::move(response),
                                            share = std::move(share)]() mutable {
                        const auto session = weak.lock();
                        if (session)
                          session->Answered(id, is_head, std::move(response), std::move(share));
                      });
                    });
  }

  void Answered(int32_t id, bool is_head, HttpResponse response, net::BudgetShare share) {
    --running_;
    const auto it = streams_.find(id);
    if (closed() || it == streams_.end()) return;
    it->second.request.method = is_head ? "HEAD" : "";
    const absl::Status room = share.GrowTo(response.body.size());
    if (!room.ok()) response = TooManyBytes(room);
    it->second.share = std::move(share);
    Respond(id, it->second, std::move(response));
    if (state_->closing) SayGoodbye();
  }

  void Respond(int32_t id, Stream& stream, HttpResponse response) {
    std::vector<Header> headers = {{":status", std::to_string(response.status)}};
    if (!response.content_type.empty()) headers.emplace_back("content-type", response.content_type);
    if (response.status != 204) {
      headers.emplace_back("content-length", std::to_string(response.body.size()));
    }
    if (stream.request.method == "HEAD") response.body.clear();
    stream.response = std::move(response);
    stream.responded = std::chrono::steady_clock::now();
    nghttp2_data_provider body;
    body.source.ptr = &stream;  // map nodes stay where they are
    body.read_callback = &ReadResponse;
    const auto values = ToNameValues(headers);
    nghttp2_submit_response(session(), id, values.data(), values.size(),
                            stream.response->body.empty() ? nullptr : &body);
    Flush();
  }

  static ssize_t ReadResponse(nghttp2_session*, int32_t, uint8_t* out, std::size_t size,
                              uint32_t* flags, nghttp2_data_source* source, void*) {
    auto& stream = *static_cast<Stream*>(source->ptr);
    const std::string& body = stream.response->body;
    const std::size_t count = std::min(size, body.size() - stream.sent);
    std::memcpy(out, body.data() + stream.sent, count);
    stream.sent += count;
    if (stream.sent == body.size()) *flags |= NGHTTP2_DATA_FLAG_EOF;
    return static_cast<ssize_t>(count);
  }

  const std::shared_ptr<HttpServerState> state_;
  const Time began_;
  Time idle_since_;  // while there are no streams
  std::map<int32_t, Stream> streams_;
  int running_ = 0;  // handlers that have not answered
  bool said_goodbye_ = false;
};

}  // namespace

asio::awaitable<void> RunHttp2Session(HttpSocket socket, std::shared_ptr<HttpServerState> state,
                                      std::string first, std::optional<Http2Upgrade> upgrade) {
  const auto session = std::make_shared<Http2Session>(std::move(socket), std::move(state));
  co_await session->Serve(std::move(first), std::move(upgrade));
}

std::optional<std::string> DecodeHttp2Settings(std::string_view header) {
  std::string settings;
  if (!absl::WebSafeBase64Unescape({header.data(), header.size()}, &settings)) return std::nullopt;
  if (settings.size() % kBytesPerSetting != 0) return std::nullopt;
  return settings;
}

}  // namespace belfry::sidecar
