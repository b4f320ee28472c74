#pragma once

// One end of an HTTP/2 connection without TLS: moves bytes between a socket and the library that
// knows the protocol, and bounds what the peer may cost.

#include <nghttp2/nghttp2.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "client/sidecar/http_socket.h"

namespace belfry::sidecar {

// Lives while Run goes on.
// Thread safety: everything runs on the socket's executor, a strand.
class Http2Endpoint : public std::enable_shared_from_this<Http2Endpoint> {
 public:
  using Time = std::chrono::steady_clock::time_point;
  using Header = std::pair<std::string, std::string>;
  enum class Side { kServer, kClient };

  virtual ~Http2Endpoint();
  Http2Endpoint(const Http2Endpoint&) = delete;
  Http2Endpoint& operator=(const Http2Endpoint&) = delete;

 protected:
  // The peer gets `write_timeout` to take what was sent.
  Http2Endpoint(Side side, HttpSocket socket, absl::Duration write_timeout);

  boost::asio::any_io_executor executor() { return socket_.get_executor(); }
  void Attach(HttpSocket socket) { socket_ = std::move(socket); }

  // Says which settings hold for the peer. REQUIRES: called before Run.
  void SubmitSettings(const std::vector<nghttp2_settings_entry>& settings);

  // Takes `first`, bytes that have been read already, then what comes, until the connection ends;
  // then calls OnEnd.
  boost::asio::awaitable<void> Run(std::string first);

  // Sends what has been submitted. May be called from the functions below.
  void Flush();
  // Lets what was submitted go out and ends the connection, for the reason given.
  void Terminate(uint32_t error);
  // Ends the connection at once.
  void Close();
  bool closed() const { return closed_; }
  // Ends a stream.
  void Reset(int32_t stream, uint32_t error);
  nghttp2_session* session() { return session_; }

  // What the peer does. Streams are known by their numbers.
  virtual void OnBegin(int32_t) {}                                       // a request begins
  virtual void OnHeader(int32_t, std::string_view, std::string_view) {}  // its name and value
  virtual void OnHead(int32_t) {}  // all headers of a head, or trailers, are there
  virtual void OnBody(int32_t, std::string_view) {}  // a piece of the body
  virtual void OnPeerDone(int32_t) {}                // nothing more comes on the stream
  virtual void OnSettings() {}                       // its settings hold from now on
  virtual void OnGoAway() {}                         // no further streams are served
  virtual void OnSent(int32_t) {}                    // the last frame of our part has been made
  virtual void OnClosed(int32_t, uint32_t) {}        // the stream has ended, with an error code
  // Called every kHttp2TickInterval.
  virtual void OnTick(Time) {}
  // The connection has ended; nothing else is called after this.
  virtual void OnEnd() {}

 private:
  struct Callbacks;  // from the library

  bool Feed(std::string_view bytes);
  // Puts what is to be sent next into out_; false if there is nothing.
  bool Collect();
  boost::asio::awaitable<void> Write();
  boost::asio::awaitable<void> Watch();
  void Tick(Time now);
  bool TakeFrame(const nghttp2_frame& frame);

  HttpSocket socket_;
  boost::asio::steady_timer timer_;
  const absl::Duration write_timeout_;
  nghttp2_session* session_ = nullptr;  // owned
  std::string out_;                     // being written
  bool writing_ = false;
  Time write_began_;
  Time end_began_;
  bool ending_ = false;  // everything was sent, the peer's end is waited for
  bool closed_ = false;
  int control_frames_ = 0;  // since the last tick
};

// The parts of a message as the library wants them. They point into `headers`.
std::vector<nghttp2_nv> ToNameValues(const std::vector<Http2Endpoint::Header>& headers);

}  // namespace belfry::sidecar
