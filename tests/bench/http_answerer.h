#pragma once

// HttpAnswerer: an HTTP/1.1 server that answers every request at once with one status and no body.

#include <functional>
#include <memory>
#include <string_view>

#include "absl/status/statusor.h"

namespace belfry::bench {

class HttpAnswerer {
 public:
  // Called on the server's thread with the target of each request.
  using Handler = std::function<void(std::string_view target)>;

  // Listens on 127.0.0.1; `port` 0 lets the system choose. Unavailable if that is impossible.
  static absl::StatusOr<std::unique_ptr<HttpAnswerer>> Start(int port, int status, Handler handler);
  ~HttpAnswerer();

  int port() const;

 private:
  class Impl;
  explicit HttpAnswerer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// Serves with 204 until standard input ends; prints the port as the first line. Returns an exit
// code.
int RunNullHttp(int port);

}  // namespace belfry::bench
