#pragma once

// One HTTP request to 127.0.0.1.

#include <cstdint>
#include <map>
#include <string>

namespace belfry::integration {

struct HttpResponse {
  int status = 0;                              // 0 if there was no response; then `error` says why
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;
  std::string error;
};

// Sends a request on a connection of its own and waits for the response, within the limit of all
// waits. `target` is sent as it is. Thread safety: may be called from any thread.
HttpResponse Http(uint16_t port, const std::string& method, const std::string& target,
                  const std::string& body = "");

}  // namespace belfry::integration
