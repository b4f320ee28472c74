// The description of the HTTP API against the API itself: the same calls, and answers that are as
// described.

#include <boost/json.hpp>
#include <catch2/catch.hpp>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "client/sidecar/http_api.h"
#include "client/sidecar/openapi_document.h"
#include "tests/unit/sidecar/fake_connection.h"
#include "tests/unit/sidecar/waiter.h"

namespace belfry::sidecar {
namespace {

namespace json = boost::json;

const json::value& Document() {
  static const json::value document = [] {
    const std::string_view text = OpenApiDocument();
    return json::parse(json::string_view(text.data(), text.size()));
  }();
  return document;
}

// What "#/a/b" points to; other nodes are returned as they are.
const json::object& Resolved(const json::value& node) {
  const json::object& object = node.as_object();
  const json::value* ref = object.if_contains("$ref");
  if (ref == nullptr) return object;
  const std::string pointer(ref->as_string());
  return Resolved(Document().at_pointer(json::string_view(pointer).substr(1)));
}

bool HasType(const json::value& value, const json::value& type) {
  if (type.is_array()) {
    for (const json::value& choice : type.as_array()) {
      if (HasType(value, choice)) return true;
    }
    return false;
  }
  if (type == "object") return value.is_object();
  if (type == "array") return value.is_array();
  if (type == "string") return value.is_string();
  if (type == "boolean") return value.is_bool();
  if (type == "integer") return value.is_int64() || value.is_uint64();
  if (type == "null") return value.is_null();
  return false;
}

// What is wrong with a value, or an empty text. Knows what the document uses for answers.
std::string Mismatch(const json::value& value, const json::value& schema_node);

std::string ObjectMismatch(const json::object& object, const json::object& schema) {
  if (const auto* required = schema.if_contains("required")) {
    for (const json::value& name : required->as_array()) {
      if (!object.contains(name.as_string())) return "lacks " + std::string(name.as_string());
    }
  }
  const json::value* properties = schema.if_contains("properties");
  const json::value* others = schema.if_contains("additionalProperties");
  for (const auto& [name, member] : object) {
    std::string wrong;
    if (properties != nullptr && properties->as_object().contains(name)) {
      wrong = Mismatch(member, properties->at(name));
    } else if (others != nullptr && others->is_bool()) {
      wrong = others->as_bool() ? "" : "is not described";
    } else if (others != nullptr) {
      wrong = Mismatch(member, *others);
    }
    if (!wrong.empty()) return std::string(name) + ": " + wrong;
  }
  return "";
}

std::string Mismatch(const json::value& value, const json::value& schema_node) {
  const json::object& schema = Resolved(schema_node);
  if (const auto* choices = schema.if_contains("oneOf")) {
    int fitting = 0;
    std::string last;
    for (const json::value& choice : choices->as_array()) {
      last = Mismatch(value, choice);
      fitting += last.empty() ? 1 : 0;
    }
    return fitting == 1 ? "" : "fits " + std::to_string(fitting) + " of the choices: " + last;
  }
  if (const auto* type = schema.if_contains("type"); type != nullptr && !HasType(value, *type)) {
    return "is no " + json::serialize(*type);
  }
  if (const auto* wanted = schema.if_contains("const"); wanted != nullptr && *wanted != value) {
    return "is not " + std::string(json::serialize(*wanted));
  }
  if (const auto* choices = schema.if_contains("enum")) {
    bool found = false;
    for (const json::value& choice : choices->as_array()) found = found || choice == value;
    if (!found) return std::string(json::serialize(value)) + " is none of the values";
  }
  if (const auto* items = schema.if_contains("items")) {
    for (const json::value& item : value.as_array()) {
      if (std::string wrong = Mismatch(item, *items); !wrong.empty()) return wrong;
    }
  }
  return value.is_object() ? ObjectMismatch(value.as_object(), schema) : "";
}

std::string Lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

// What is wrong with an answer to a call, or an empty text.
std::string AnswerMismatch(const std::string& method, const std::string& path,
                           const HttpResponse& response) {
  const json::value& operation = Document().at("paths").at(path).at(Lower(method));
  const json::value* described =
      operation.at("responses").as_object().if_contains(std::to_string(response.status));
  if (described == nullptr) return "status " + std::to_string(response.status);
  const json::value* content = Resolved(*described).if_contains("content");
  if (content == nullptr) {
    return response.body.empty() && response.content_type.empty() ? "" : "has a body";
  }
  const json::value* media = content->as_object().if_contains(response.content_type);
  if (media == nullptr) return "content type " + response.content_type;
  const bool is_json = response.content_type == "application/json";
  const json::value body = is_json ? json::parse(response.body) : json::value(response.body);
  return Mismatch(body, media->at("schema"));
}

struct Fixture {
  explicit Fixture(const std::string& token = "") { config.dapr_api_token = token; }

  HttpResponse Send(HttpRequest request) {
    Waiter<HttpResponse> waiter;
    api.Handle(std::move(request), [&](HttpResponse response) { waiter.Put(std::move(response)); });
    auto response = waiter.Take();
    REQUIRE(response);
    return *response;
  }

  static Config MakeConfig() {
    Config config;
    config.app_id = "my-app";
    config.app_port = 3000;
    config.app_max_concurrency = 2;
    config.enable_app_health_check = true;
    return config;
  }
  static JobsApiOptions Options() {
    JobsApiOptions options;
    options.app_id = "my-app";
    options.threads = 2;
    return options;
  }

  Config config = MakeConfig();
  std::shared_ptr<FakeConnection> connection = std::make_shared<FakeConnection>();
  SchedulerHosts hosts{true, connection};
  Health health{hosts};
  Metadata metadata{config, hosts};
  JobsApi jobs{Options(), connection, hosts};
  HttpApi api{config, jobs, metadata, health, [] {}};
};

TEST_CASE("openapi: the description has the calls of the API, all of them and no others") {
  std::multiset<std::string> described;
  for (const auto& [path, item] : Document().at("paths").as_object()) {
    for (const auto& [method, operation] : item.as_object()) {
      if (method == "parameters") continue;
      described.insert(std::string(method) + " " + std::string(path));
    }
  }
  std::multiset<std::string> served;
  for (const HttpRoute& route : HttpApi::Routes()) {
    served.insert(Lower(std::string(route.method)) + " " + std::string(route.path));
  }
  CHECK(described == served);
  CHECK_FALSE(served.empty());
}

TEST_CASE("openapi: calls without a token are those that the description says so of") {
  for (const HttpRoute& route : HttpApi::Routes()) {
    const json::object& operation = Document()
                                        .at("paths")
                                        .at(json::string_view(route.path.data(), route.path.size()))
                                        .at(Lower(std::string(route.method)))
                                        .as_object();
    const json::value* security = operation.if_contains("security");
    INFO(route.method << " " << route.path);
    CHECK((security != nullptr && security->as_array().empty()) == !route.needs_token);
    CHECK(operation.at("responses").as_object().contains("401") == route.needs_token);
  }
}

TEST_CASE("openapi: every name of an operation is there once") {
  std::set<std::string> names;
  for (const auto& [path, item] : Document().at("paths").as_object()) {
    for (const auto& [method, operation] : item.as_object()) {
      if (method == "parameters") continue;
      CHECK(names.insert(std::string(operation.at("operationId").as_string())).second);
    }
  }
}

struct Case {
  std::string method;
  std::string path;    // as in the description
  std::string target;  // as it is sent
  std::string body{};
  int status = 0;
  bool body_too_large = false;
};

void CheckCase(Fixture& f, const Case& c) {
  HttpRequest request;
  request.method = c.method;
  request.target = c.target;
  request.body = c.body;
  request.body_too_large = c.body_too_large;
  const HttpResponse response = f.Send(std::move(request));
  INFO(c.method << " " << c.target << " " << c.body << " -> " << response.status << " "
                << response.body);
  CHECK(response.status == c.status);
  CHECK(AnswerMismatch(c.method, c.path, response) == "");
}

TEST_CASE("openapi: answers about jobs are as described") {
  const std::string base = GENERATE(as<std::string>(), "/v1.0", "/v1.0-alpha1");
  const std::string path = base + "/jobs/{name}";
  const std::string job = base + "/jobs/a";
  Fixture f;
  f.hosts.Update({"a:1"});
  const std::vector<Case> cases = {
      {"POST", path, job,
       R"({"schedule":"@daily","dueTime":"1s","ttl":"1h","repeats":"2","data":{"a":[1]},)"
       R"("failurePolicy":{"constant":{"interval":"1.5s","maxRetries":3}}})",
       204},
      {"GET", path, job, "", 200},
      {"POST", path, job, R"({"schedule":"@daily"})", 409},
      {"POST", path, job,
       R"({"job":{"dueTime":"1s","failure_policy":{"drop":{}}},)"
       R"("overwrite":true})",
       204},
      {"GET", path, job, "", 200},
      {"POST", path, job, R"({"repeats":-1})", 400},
      {"POST", path, job, R"({"name":"b","schedule":"@daily"})", 400},
      {"POST", path, job, "", 400},
      {"POST", path, base + "/jobs/+", R"({"schedule":"@daily"})", 400},
      {"POST", path, job, "", 400, true},
      {"DELETE", path, job, "", 204},
      {"DELETE", path, job, "", 204},
      {"GET", path, job, "", 500},
      {"GET", path, base + "/jobs/%FF", "", 400},
      {"DELETE", path, base + "/jobs/%FF", "", 400},
  };
  for (const Case& c : cases) CheckCase(f, c);
}

TEST_CASE("openapi: answers of a failing scheduler are as described") {
  const auto [code, status] = GENERATE(table<absl::StatusCode, int>({
      {absl::StatusCode::kInvalidArgument, 400},
      {absl::StatusCode::kResourceExhausted, 429},
      {absl::StatusCode::kUnknown, 500},
      {absl::StatusCode::kUnavailable, 503},
      {absl::StatusCode::kDeadlineExceeded, 504},
  }));
  Fixture f;
  f.hosts.Update({"a:1"});
  f.connection->SetFailure(absl::Status(code, "why"));
  const std::string path = "/v1.0/jobs/{name}";
  CheckCase(f, {"POST", path, "/v1.0/jobs/a", R"({"schedule":"@daily"})", status});
  const int read = status == 400 ? 400 : 500;
  CheckCase(f, {"GET", path, "/v1.0/jobs/a", "", read});
  CheckCase(f, {"DELETE", path, "/v1.0/jobs/a", "", read});
}

TEST_CASE("openapi: answers about the sidecar are as described") {
  Fixture f;
  const std::vector<Case> before = {
      {"GET", "/v1.0/healthz", "/v1.0/healthz", "", 500},
      {"GET", "/v1.0/healthz/outbound", "/v1.0/healthz/outbound", "", 500},
  };
  for (const Case& c : before) CheckCase(f, c);
  f.health.SetServing();
  f.health.SetAppConnected();
  f.hosts.Update({"a:1", "b:2"});
  const std::vector<Case> cases = {
      {"GET", "/v1.0/healthz", "/v1.0/healthz", "", 204},
      {"GET", "/v1.0/healthz", "/v1.0/healthz?appid=other", "", 500},
      {"GET", "/v1.0/healthz/outbound", "/v1.0/healthz/outbound", "", 204},
      {"PUT", "/v1.0/metadata/{key}", "/v1.0/metadata/k", "v", 204},
      {"PUT", "/v1.0/metadata/{key}", "/v1.0/metadata/k", "\xff", 400},
      {"PUT", "/v1.0/metadata/{key}", "/v1.0/metadata/k", "", 400, true},
      {"PUT", "/v1.0/metadata/{key}", "/v1.0/metadata/k", std::string(kMaxMetadataBytes, 'x'), 429},
      {"GET", "/v1.0/metadata", "/v1.0/metadata", "", 200},
      {"POST", "/v1.0/shutdown", "/v1.0/shutdown", "", 204},
      {"GET", "/openapi.json", "/openapi.json", "", 200},
  };
  for (const Case& c : cases) CheckCase(f, c);
}

TEST_CASE("openapi: a missing token is answered as described") {
  Fixture f("secret");
  for (const HttpRoute& route : HttpApi::Routes()) {
    if (!route.needs_token) continue;
    const std::string path(route.path);
    std::string target = path;
    if (const auto brace = target.find('{'); brace != std::string::npos) {
      target.replace(brace, std::string::npos, "x");
    }
    CheckCase(f, {std::string(route.method), path, target, "", 401});
  }
}

TEST_CASE("openapi: the check finds what does not fit") {
  const auto answer = [](int status, const std::string& type, const std::string& body) {
    return AnswerMismatch("GET", "/v1.0/jobs/{name}", {status, type, body});
  };
  const std::string kJson = "application/json";
  CHECK(answer(200, kJson, R"({"name":"a"})") == "");
  CHECK(answer(200, kJson, R"({"name":"a","more":1})") == "more: is not described");
  CHECK(answer(200, kJson, R"({})") == "lacks name");
  CHECK(answer(200, kJson, R"({"name":"a","repeats":"1"})") == "repeats: is no \"integer\"");
  CHECK(answer(200, "text/plain", "a") == "content type text/plain");
  CHECK(answer(404, kJson, "{}") == "status 404");
  CHECK_FALSE(answer(500, kJson, R"({"errorCode":"OTHER","message":"m","details":[]})").empty());
}

}  // namespace
}  // namespace belfry::sidecar
