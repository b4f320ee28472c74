#pragma once

// The routes of the HTTP API.

#include <functional>
#include <string>

#include "client/sidecar/config.h"
#include "client/sidecar/health.h"
#include "client/sidecar/http_types.h"
#include "client/sidecar/jobs_api.h"
#include "client/sidecar/json_job.h"
#include "client/sidecar/metadata.h"

namespace belfry::sidecar {

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

 private:
  void HandleJob(HttpRequest request, ApiVersion version, const std::string& segment,
                 HttpRespond respond);
  void ScheduleJob(HttpRequest request, ApiVersion version, std::string name, HttpRespond respond);
  void GetJob(std::string name, HttpRespond respond);
  HttpResponse Healthz(std::string_view query) const;
  HttpResponse Outbound() const;
  HttpResponse SetMetadata(const HttpRequest& request, std::string_view segment);

  const Config& config_;
  JobsApi& jobs_;
  Metadata& metadata_;
  const Health& health_;
  const std::function<void()> shutdown_;
};

// Whether both texts are equal; takes as long whether they are or not.
bool TokensEqual(std::string_view a, std::string_view b);

}  // namespace belfry::sidecar
