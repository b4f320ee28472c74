#pragma once

// A client of HTTP/2 without TLS, made of the library alone, with a limit on each wait.

#include <nghttp2/nghttp2.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cstring>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace belfry::sidecar {

class Http2Client {
 public:
  struct Response {
    int status = 0;
    std::map<std::string, std::string> headers;
    std::string body;
    bool closed = false;
    uint32_t error = NGHTTP2_NO_ERROR;
  };
  using Headers = std::vector<std::pair<std::string, std::string>>;

  // Connects. Unless `greet` is false, says what a client says that knows in advance that HTTP/2 is
  // spoken.
  explicit Http2Client(int port, bool greet = true) : socket_(io_) {
    socket_.connect(
        {boost::asio::ip::address_v4::loopback(), static_cast<boost::asio::ip::port_type>(port)});
    socket_.set_option(boost::asio::ip::tcp::no_delay(true));
    const timeval limit{10, 0};
    ::setsockopt(socket_.native_handle(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    nghttp2_session_callbacks* callbacks = nullptr;
    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, &OnHeader);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, &OnData);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, &OnClose);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, &OnFrame);
    nghttp2_option* option = nullptr;
    nghttp2_option_new(&option);
    nghttp2_option_set_peer_max_concurrent_streams(option, 1 << 20);
    nghttp2_session_client_new2(&session_, callbacks, this, option);
    nghttp2_option_del(option);
    nghttp2_session_callbacks_del(callbacks);
    if (greet) nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, nullptr, 0);
  }
  ~Http2Client() { nghttp2_session_del(session_); }
  Http2Client(const Http2Client&) = delete;
  Http2Client& operator=(const Http2Client&) = delete;

  nghttp2_session* session() { return session_; }

  // Asks over HTTP/1.1 to go on with HTTP/2; the head of the answer. The response to the request
  // is that of stream 1.
  std::string Upgrade(const std::string& request_line, const std::string& body = "") {
    SendRaw(request_line + " HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\n" +
            "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\nContent-Length: " +
            std::to_string(body.size()) + "\r\n\r\n" + body);
    std::string head;
    while (head.find("\r\n\r\n") == std::string::npos) {
      char byte = 0;
      if (::recv(socket_.native_handle(), &byte, 1, 0) != 1) return head;
      head.push_back(byte);
    }
    const uint8_t settings[] = {0, 3, 0, 0, 0, 100, 0, 4, 0, 0, 255, 255};
    nghttp2_session_upgrade2(session_, settings, sizeof(settings), 0, nullptr);
    return head;
  }

  // Begins a request; the number of its stream.
  int32_t Start(const std::string& method, const std::string& path, const std::string& body = "",
                const Headers& more = {}) {
    Headers headers = {
        {":method", method}, {":scheme", "http"}, {":authority", "x"}, {":path", path}};
    headers.insert(headers.end(), more.begin(), more.end());
    std::vector<nghttp2_nv> values;
    for (auto& [name, value] : headers) {
      values.push_back({reinterpret_cast<uint8_t*>(name.data()),
                        reinterpret_cast<uint8_t*>(value.data()), name.size(), value.size(),
                        NGHTTP2_NV_FLAG_NONE});
    }
    nghttp2_data_provider provider;
    provider.source.ptr = &bodies_;
    provider.read_callback = &ReadBody;
    const int32_t stream = nghttp2_submit_request(session_, nullptr, values.data(), values.size(),
                                                  body.empty() ? nullptr : &provider, nullptr);
    bodies_[stream] = body;
    return stream;
  }

  // What came on a stream once it has ended, the connection has, or nothing comes any more.
  const Response& Wait(int32_t stream) {
    while (!responses_[stream].closed && Pump()) {
    }
    return responses_[stream];
  }
  Response Request(const std::string& method, const std::string& path, const std::string& body = "",
                   const Headers& more = {}) {
    return Wait(Start(method, path, body, more));
  }

  // The error with which the server says goodbye; nothing if it ends without, or does not end.
  std::optional<uint32_t> WaitForGoAway() {
    while (!goaway_ && Pump()) {
    }
    return goaway_;
  }
  // Whether the server ends the connection.
  bool WaitForEnd() {
    while (Pump()) {
    }
    return ended_;
  }

  // Sends what has been submitted.
  void Flush() {
    const uint8_t* bytes = nullptr;
    while (true) {
      const ssize_t size = nghttp2_session_mem_send(session_, &bytes);
      if (size <= 0) return;
      SendRaw({reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size)});
    }
  }
  void SendRaw(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t size =
          ::send(socket_.native_handle(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (size <= 0) return;
      bytes.remove_prefix(static_cast<std::size_t>(size));
    }
  }
  // Holds back the body of requests that are begun from now on: its first `count` bytes are sent.
  void HoldBodyAfter(std::size_t count) { hold_after_ = count; }

 private:
  static Http2Client& Of(void* user) { return *static_cast<Http2Client*>(user); }
  static int OnHeader(nghttp2_session*, const nghttp2_frame* frame, const uint8_t* name,
                      std::size_t name_size, const uint8_t* value, std::size_t value_size, uint8_t,
                      void* user) {
    const std::string key(reinterpret_cast<const char*>(name), name_size);
    const std::string text(reinterpret_cast<const char*>(value), value_size);
    Response& response = Of(user).responses_[frame->hd.stream_id];
    if (key == ":status") {
      response.status = std::stoi(text);
    } else {
      response.headers[key] = text;
    }
    return 0;
  }
  static int OnData(nghttp2_session*, uint8_t, int32_t stream, const uint8_t* bytes,
                    std::size_t size, void* user) {
    Of(user).responses_[stream].body.append(reinterpret_cast<const char*>(bytes), size);
    return 0;
  }
  static int OnClose(nghttp2_session*, int32_t stream, uint32_t error, void* user) {
    Of(user).responses_[stream].closed = true;
    Of(user).responses_[stream].error = error;
    return 0;
  }
  static int OnFrame(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    if (frame->hd.type == NGHTTP2_GOAWAY) Of(user).goaway_ = frame->goaway.error_code;
    return 0;
  }
  static ssize_t ReadBody(nghttp2_session*, int32_t stream, uint8_t* out, std::size_t size,
                          uint32_t* flags, nghttp2_data_source*, void* user) {
    std::string& body = Of(user).bodies_[stream];
    std::size_t& sent = Of(user).sent_[stream];
    const std::size_t end = std::min(body.size(), Of(user).hold_after_);
    if (sent == end && end < body.size()) return NGHTTP2_ERR_DEFERRED;
    const std::size_t count = std::min(size, end - sent);
    std::memcpy(out, body.data() + sent, count);
    sent += count;
    if (sent == body.size()) *flags |= NGHTTP2_DATA_FLAG_EOF;
    return static_cast<ssize_t>(count);
  }

  // Sends and reads once; false if nothing comes any more.
  bool Pump() {
    Flush();
    char bytes[16384];
    const ssize_t size = ::recv(socket_.native_handle(), bytes, sizeof(bytes), 0);
    if (size <= 0) {
      ended_ = size == 0 || errno == ECONNRESET;
      return false;
    }
    const ssize_t taken = nghttp2_session_mem_recv(
        session_, reinterpret_cast<const uint8_t*>(bytes), static_cast<std::size_t>(size));
    if (taken < 0) return false;
    Flush();
    return true;
  }

  boost::asio::io_context io_;
  boost::asio::ip::tcp::socket socket_;
  nghttp2_session* session_ = nullptr;
  std::map<int32_t, Response> responses_;
  std::map<int32_t, std::string> bodies_;
  std::map<int32_t, std::size_t> sent_;
  std::size_t hold_after_ = SIZE_MAX;
  std::optional<uint32_t> goaway_;
  bool ended_ = false;
};

}  // namespace belfry::sidecar
