#include "client/sidecar/http_api.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "client/sidecar/http_path.h"
#include "client/sidecar/json_text.h"
#include "client/sidecar/white_space.h"

namespace belfry::sidecar {
namespace {

using dapr::proto::runtime::v1::Job;

constexpr char kJson[] = "application/json";
constexpr char kPlainText[] = "text/plain; charset=utf-8";

// The parts of a target: cleaned segments of its path, and its query.
struct Target {
  std::vector<std::string_view> segments;
  std::string_view query;

  bool Is(std::initializer_list<std::string_view> path) const {
    return std::equal(segments.begin(), segments.end(), path.begin(), path.end());
  }
};

Target SplitTarget(std::string_view target) {
  Target out;
  if (const std::size_t scheme = target.find("://");
      scheme != std::string_view::npos && !target.starts_with('/')) {
    const std::size_t path = target.find('/', scheme + 3);
    target = path == std::string_view::npos ? "/" : target.substr(path);
  }
  const std::size_t question = target.find('?');
  if (question != std::string_view::npos) out.query = target.substr(question + 1);
  out.segments = CleanSegments(target.substr(0, question));
  return out;
}

// The first value of a parameter in a query.
std::optional<std::string> QueryValue(std::string_view query, std::string_view name) {
  while (!query.empty()) {
    const std::size_t end = query.find('&');
    const std::string_view pair = query.substr(0, end);
    query.remove_prefix(end == std::string_view::npos ? query.size() : end + 1);
    const std::size_t equals = pair.find('=');
    if (pair.substr(0, equals) != name) continue;
    return QueryUnescape(equals == std::string_view::npos ? "" : pair.substr(equals + 1));
  }
  return std::nullopt;
}

HttpResponse PlainError(int status, std::string_view code, std::string_view message) {
  return {status, kJson, PlainErrorBody(code, message)};
}

HttpResponse FromError(const ApiError& error) {
  return {error.http_status, kJson, ErrorBody(error)};
}

// What the reference answers to everything that it takes for a call of another app.
HttpResponse NoSuchRoute() {
  return PlainError(404, "ERR_DIRECT_INVOKE",
                    "failed getting app id either from the URL path or the header dapr-app-id");
}

HttpResponse BodyTooLarge() {
  return PlainError(400, "ERR_BODY_READ", "failed to read request body: stream too large");
}

HttpResponse BadEscape() { return {400, kPlainText, "invalid escape in the path\n"}; }

HttpResponse NoContent() { return {204, "", ""}; }

}  // namespace

HttpApi::HttpApi(const Config& config, JobsApi& jobs, Metadata& metadata, const Health& health,
                 std::function<void()> shutdown)
    : config_(config),
      jobs_(jobs),
      metadata_(metadata),
      health_(health),
      shutdown_(std::move(shutdown)) {}

void HttpApi::Handle(HttpRequest request, HttpRespond respond) {
  const Target target = SplitTarget(request.target);
  if (config_.enable_api_logging) {
    spdlog::info("http api call method={} target={}", request.method, request.target);
  }
  const bool get = request.method == "GET";
  if (get && target.Is({"v1.0", "healthz"})) return respond(Healthz(target.query));
  if (get && target.Is({"v1.0", "healthz", "outbound"})) return respond(Outbound());
  if (!config_.dapr_api_token.empty() && !TokensEqual(request.api_token, config_.dapr_api_token)) {
    return respond({401, kPlainText, "invalid api token\n"});
  }

  const auto& segments = target.segments;
  if (segments.size() == 3 && segments[1] == "jobs") {
    // `segments` points into the request, which moves on.
    const std::string name(segments[2]);
    if (segments[0] == "v1.0") {
      return HandleJob(std::move(request), ApiVersion::kV1, name, std::move(respond));
    }
    if (segments[0] == "v1.0-alpha1") {
      return HandleJob(std::move(request), ApiVersion::kAlpha1, name, std::move(respond));
    }
  }
  if (get && target.Is({"v1.0", "metadata"})) {
    return respond({200, kJson, MetadataToJson(metadata_.Get())});
  }
  if (request.method == "PUT" && segments.size() == 3 && segments[0] == "v1.0" &&
      segments[1] == "metadata") {
    return respond(SetMetadata(request, segments[2]));
  }
  if (request.method == "POST" && target.Is({"v1.0", "shutdown"})) {
    respond(NoContent());
    return shutdown_();
  }
  respond(NoSuchRoute());
}

void HttpApi::HandlePublic(HttpRequest request, HttpRespond respond) {
  const Target target = SplitTarget(request.target);
  if (request.method == "GET") {
    if (target.Is({"v1.0", "healthz"})) return respond(Healthz(target.query));
    if (target.Is({"v1.0", "healthz", "outbound"})) return respond(Outbound());
    if (target.Is({"v1.0", "metadata"})) {
      return respond({200, kJson, MetadataToJson(metadata_.Get())});
    }
  }
  respond({404, kPlainText, "404 page not found\n"});
}

void HttpApi::HandleJob(HttpRequest request, ApiVersion version, const std::string& segment,
                        HttpRespond respond) {
  const std::string& method = request.method;
  if (method != "POST" && method != "GET" && method != "DELETE") return respond(NoSuchRoute());
  auto name = QueryUnescape(segment);
  if (!name) return respond(BadEscape());
  if (method == "POST") {
    return ScheduleJob(std::move(request), version, *std::move(name), std::move(respond));
  }
  if (method == "GET") return GetJob(*std::move(name), std::move(respond));
  jobs_.Delete(*std::move(name),
               [respond = std::move(respond)](std::optional<ApiError> error) mutable {
                 respond(error ? FromError(*error) : NoContent());
               });
}

void HttpApi::ScheduleJob(HttpRequest request, ApiVersion version, std::string name,
                          HttpRespond respond) {
  if (request.body_too_large) return respond(BodyTooLarge());
  auto schedule = ParseScheduleBody(request.body, version);
  if (!schedule.ok()) {
    return respond(PlainError(400, "ERR_MALFORMED_REQUEST",
                              fmt::format("failed deserializing HTTP body: proto: {}",
                                          std::string(schedule.status().message()))));
  }
  if (!schedule->job().name().empty()) return respond(FromError(jobs_.errors().NameInBody()));
  schedule->mutable_job()->set_name(std::string(TrimWhiteSpace(name)));
  jobs_.Schedule(*std::move(schedule),
                 [respond = std::move(respond)](std::optional<ApiError> error) mutable {
                   respond(error ? FromError(*error) : NoContent());
                 });
}

void HttpApi::GetJob(std::string name, HttpRespond respond) {
  jobs_.Get(std::move(name),
            [respond = std::move(respond)](std::optional<ApiError> error, const Job& job) mutable {
              respond(error ? FromError(*error) : HttpResponse{200, kJson, JobToJson(job)});
            });
}

HttpResponse HttpApi::Healthz(std::string_view query) const {
  if (const auto names = health_.NotReady(); !names.empty()) {
    return PlainError(500, "ERR_HEALTH_NOT_READY",
                      fmt::format("dapr is not ready: [{}]", fmt::join(names, " ")));
  }
  const auto app_id = QueryValue(query, "appid");
  if (app_id && !app_id->empty() && *app_id != config_.app_id) {
    return PlainError(500, "ERR_HEALTH_APPID_NOT_MATCH", "dapr app-id does not match");
  }
  return NoContent();
}

HttpResponse HttpApi::Outbound() const {
  if (health_.outbound_ready()) return NoContent();
  return PlainError(500, "ERR_OUTBOUND_HEALTH_NOT_READY", "dapr outbound is not ready");
}

HttpResponse HttpApi::SetMetadata(const HttpRequest& request, std::string_view segment) {
  if (request.body_too_large) return BodyTooLarge();
  const auto key = QueryUnescape(segment);
  if (!key) return BadEscape();
  if (!IsUtf8(*key) || !IsUtf8(request.body)) {
    return PlainError(400, "ERR_MALFORMED_REQUEST", "metadata is not UTF-8");
  }
  if (const auto status = metadata_.Set(*key, request.body); !status.ok()) {
    return PlainError(HttpStatus(status.code()), "ERR_METADATA_SET", std::string(status.message()));
  }
  return NoContent();
}

bool TokensEqual(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  unsigned difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    difference |= static_cast<unsigned char>(a[i]) ^ static_cast<unsigned char>(b[i]);
  }
  return difference == 0;
}

}  // namespace belfry::sidecar
