#include "client/sidecar/http_api.h"

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "client/sidecar/http_path.h"
#include "client/sidecar/json_text.h"
#include "client/sidecar/openapi_document.h"
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

// Whether a route has this path; `segment` becomes what stands for its segment in braces.
bool HasPath(const HttpRoute& route, const std::vector<std::string_view>& segments,
             std::string_view* segment) {
  const std::vector<std::string_view> wanted = CleanSegments(route.path);
  return std::equal(segments.begin(), segments.end(), wanted.begin(), wanted.end(),
                    [segment](std::string_view given, std::string_view expected) {
                      if (!expected.starts_with('{')) return given == expected;
                      *segment = given;
                      return true;
                    });
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

std::span<const HttpApi::Entry> HttpApi::Entries() {
  constexpr bool kToken = true;
  constexpr bool kNoToken = false;
  constexpr bool kPublic = true;
  static constexpr Entry kEntries[] = {
      {{"POST", "/v1.0/jobs/{name}"}, &HttpApi::ScheduleV1},
      {{"GET", "/v1.0/jobs/{name}"}, &HttpApi::GetJob},
      {{"DELETE", "/v1.0/jobs/{name}"}, &HttpApi::DeleteJob},
      {{"POST", "/v1.0-alpha1/jobs/{name}"}, &HttpApi::ScheduleAlpha1},
      {{"GET", "/v1.0-alpha1/jobs/{name}"}, &HttpApi::GetJob},
      {{"DELETE", "/v1.0-alpha1/jobs/{name}"}, &HttpApi::DeleteJob},
      {{"GET", "/v1.0/healthz", kNoToken, kPublic}, &HttpApi::GetHealth},
      {{"GET", "/v1.0/healthz/outbound", kNoToken, kPublic}, &HttpApi::GetOutboundHealth},
      {{"GET", "/v1.0/metadata", kToken, kPublic}, &HttpApi::GetMetadata},
      {{"PUT", "/v1.0/metadata/{key}"}, &HttpApi::SetMetadata},
      {{"POST", "/v1.0/shutdown"}, &HttpApi::ShutDown},
      {{"GET", "/openapi.json"}, &HttpApi::GetOpenApi},
  };
  return kEntries;
}

std::vector<HttpRoute> HttpApi::Routes() {
  std::vector<HttpRoute> routes;
  for (const Entry& entry : Entries()) routes.push_back(entry.route);
  return routes;
}

void HttpApi::Handle(HttpRequest request, HttpRespond respond) {
  if (config_.enable_api_logging) {
    spdlog::info("http api call method={} target={}", request.method, request.target);
  }
  const Target target = SplitTarget(request.target);
  const Entry* found = nullptr;
  std::string_view segment;
  for (const Entry& entry : Entries()) {
    if (entry.route.method != request.method) continue;
    if (HasPath(entry.route, target.segments, &segment)) found = &entry;
  }
  const bool needs_token = found == nullptr || found->route.needs_token;
  if (needs_token && !config_.dapr_api_token.empty() &&
      !TokensEqual(request.api_token, config_.dapr_api_token)) {
    return respond({401, kPlainText, "invalid api token\n"});
  }
  if (found == nullptr) return respond(NoSuchRoute());
  // Both point into the request, which moves on.
  const std::string kept_segment(segment);
  const std::string kept_query(target.query);
  (this->*found->handle)({std::move(request), kept_segment, kept_query, std::move(respond)});
}

void HttpApi::HandlePublic(HttpRequest request, HttpRespond respond) {
  const Target target = SplitTarget(request.target);
  std::string_view segment;
  for (const Entry& entry : Entries()) {
    if (!entry.route.is_public || entry.route.method != request.method) continue;
    if (!HasPath(entry.route, target.segments, &segment)) continue;
    const std::string query(target.query);
    return (this->*entry.handle)({std::move(request), "", query, std::move(respond)});
  }
  respond({404, kPlainText, "404 page not found\n"});
}

void HttpApi::Schedule(ApiVersion version, Call call) {
  const auto name = QueryUnescape(call.segment);
  if (!name) return call.respond(BadEscape());
  if (call.request.body_too_large) return call.respond(BodyTooLarge());
  auto schedule = ParseScheduleBody(call.request.body, version);
  if (!schedule.ok()) {
    return call.respond(PlainError(400, "ERR_MALFORMED_REQUEST",
                                   fmt::format("failed deserializing HTTP body: proto: {}",
                                               std::string(schedule.status().message()))));
  }
  if (!schedule->job().name().empty()) return call.respond(FromError(jobs_.errors().NameInBody()));
  schedule->mutable_job()->set_name(std::string(TrimWhiteSpace(*name)));
  jobs_.Schedule(*std::move(schedule),
                 [respond = std::move(call.respond)](std::optional<ApiError> error) mutable {
                   respond(error ? FromError(*error) : NoContent());
                 });
}

void HttpApi::GetJob(Call call) {
  auto name = QueryUnescape(call.segment);
  if (!name) return call.respond(BadEscape());
  jobs_.Get(*std::move(name), [respond = std::move(call.respond)](std::optional<ApiError> error,
                                                                  const Job& job) mutable {
    respond(error ? FromError(*error) : HttpResponse{200, kJson, JobToJson(job)});
  });
}

void HttpApi::DeleteJob(Call call) {
  auto name = QueryUnescape(call.segment);
  if (!name) return call.respond(BadEscape());
  jobs_.Delete(*std::move(name),
               [respond = std::move(call.respond)](std::optional<ApiError> error) mutable {
                 respond(error ? FromError(*error) : NoContent());
               });
}

void HttpApi::GetHealth(Call call) {
  if (const auto names = health_.NotReady(); !names.empty()) {
    return call.respond(PlainError(500, "ERR_HEALTH_NOT_READY",
                                   fmt::format("dapr is not ready: [{}]", fmt::join(names, " "))));
  }
  const auto app_id = QueryValue(call.query, "appid");
  if (app_id && !app_id->empty() && *app_id != config_.app_id) {
    return call.respond(
        PlainError(500, "ERR_HEALTH_APPID_NOT_MATCH", "dapr app-id does not match"));
  }
  call.respond(NoContent());
}

void HttpApi::GetOutboundHealth(Call call) {
  if (health_.outbound_ready()) return call.respond(NoContent());
  call.respond(PlainError(500, "ERR_OUTBOUND_HEALTH_NOT_READY", "dapr outbound is not ready"));
}

void HttpApi::GetMetadata(Call call) {
  call.respond({200, kJson, MetadataToJson(metadata_.Get())});
}

void HttpApi::SetMetadata(Call call) {
  if (call.request.body_too_large) return call.respond(BodyTooLarge());
  const auto key = QueryUnescape(call.segment);
  if (!key) return call.respond(BadEscape());
  if (!IsUtf8(*key) || !IsUtf8(call.request.body)) {
    return call.respond(PlainError(400, "ERR_MALFORMED_REQUEST", "metadata is not UTF-8"));
  }
  if (const auto status = metadata_.Set(*key, call.request.body); !status.ok()) {
    return call.respond(
        PlainError(HttpStatus(status.code()), "ERR_METADATA_SET", std::string(status.message())));
  }
  call.respond(NoContent());
}

void HttpApi::ShutDown(Call call) {
  call.respond(NoContent());
  shutdown_();
}

void HttpApi::GetOpenApi(Call call) { call.respond({200, kJson, std::string(OpenApiDocument())}); }

bool TokensEqual(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace belfry::sidecar
