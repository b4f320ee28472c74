#pragma once

// The routes of the HTTP API.

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "client/sidecar/config.h"
#include "client/sidecar/health.h"
#include "client/sidecar/http_types.h"
#include "client/sidecar/jobs_api.h"
#include "client/sidecar/json_job.h"
#include "client/sidecar/metadata.h"

namespace belfry::sidecar {

// One call of the API.
struct HttpRoute {
  std::string_view method;
  // Its path; a segment in braces stands for any one segment.
  std::string_view path;
  // Whether the client must show the token, if there is one.
  bool needs_token = true;
  // Whether the public port serves it too, without a token.
  bool is_public = false;
};

// Thread safety: all methods may be called from any thread.
class HttpApi {
 public:
  // `shutdown` is called for POST /v1.0/shutdown; it must not block. All references must outlive
  // this object.
  HttpApi(const Config& config, JobsApi& jobs, Metadata& metadata, const Health& health,
          std::function<void()> shutdown);

  // Answers a request to the API's port.
  void Handle(HttpRequest request, HttpRespond respond);

  // Answers a request to the public port: health and metadata, without a token.
  void HandlePublic(HttpRequest request, HttpRespond respond);

  // All calls there are. What is none of them is answered with 404.
  static std::vector<HttpRoute> Routes();

 private:
  // A request, and the parts of its target.
  struct Call {
    HttpRequest request;
    std::string segment;  // what stands for the segment in braces, as it came
    std::string query;
    HttpRespond respond;
  };
  struct Entry {
    HttpRoute route;
    void (HttpApi::*handle)(Call call);
  };
  static std::span<const Entry> Entries();

  void ScheduleV1(Call call) { Schedule(ApiVersion::kV1, std::move(call)); }
  void ScheduleAlpha1(Call call) { Schedule(ApiVersion::kAlpha1, std::move(call)); }
  void Schedule(ApiVersion version, Call call);
  void GetJob(Call call);
  void DeleteJob(Call call);
  void GetHealth(Call call);
  void GetOutboundHealth(Call call);
  void GetMetadata(Call call);
  void SetMetadata(Call call);
  void ShutDown(Call call);
  void GetOpenApi(Call call);

  const Config& config_;
  JobsApi& jobs_;
  Metadata& metadata_;
  const Health& health_;
  const std::function<void()> shutdown_;
};

// Whether both texts are equal. For texts of one length it takes as long whether they are or not.
bool TokensEqual(std::string_view a, std::string_view b);

}  // namespace belfry::sidecar
