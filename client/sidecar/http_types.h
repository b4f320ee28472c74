#pragma once

// Requests and responses between the HTTP server and what answers them.

#include <functional>
#include <string>
#include <string_view>

#include "absl/functional/any_invocable.h"

namespace belfry::sidecar {

struct HttpRequest {
  std::string method;
  // As on the request line, with its query.
  std::string target;
  // Header dapr-api-token; empty if absent.
  std::string api_token;
  std::string body;
  // The body is larger than the limit; `body` is empty then.
  bool body_too_large = false;
};

struct HttpResponse {
  int status = 200;
  // Empty means no such header.
  std::string content_type;
  std::string body;
};

// Takes the response; must be called exactly once, from any thread.
using HttpRespond = absl::AnyInvocable<void(HttpResponse)>;
// Answers requests, on any thread and several at the same time; must not block.
using HttpHandler = std::function<void(HttpRequest, HttpRespond)>;

}  // namespace belfry::sidecar
