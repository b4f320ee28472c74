#pragma once

// HttpServer: answers GET and HEAD on a few ports with one thread. Meant for probes and scrapers,
// not for users: requests have no body, answers are small and made without waiting. Each port has
// kMaxHttpConnections of its own; a new connection takes the place of the one that has waited
// longest for a request.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace belfry::server {

struct HttpReply {
  unsigned status = 200;
  std::string content_type;  // none if empty
  std::string body;
};

// Makes the answer to a path (without its query). Runs on the server's thread.
using HttpHandler = std::function<HttpReply(std::string_view path)>;

// Thread safety: belongs to its owner, except that handlers run on the server's thread.
class HttpServer {
 public:
  HttpServer();
  // Stops, if Stop was not called.
  ~HttpServer();

  // Opens a port; an empty address means all interfaces, port 0 lets the system choose. Returns
  // the port, or the errors of net::ListeningSockets::OnPort. REQUIRES: Start was not called.
  absl::StatusOr<uint16_t> Listen(const std::string& address, uint16_t port, HttpHandler handler);

  // Starts and stops answering; Stop drops open connections.
  void Start();
  void Stop();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace belfry::server
