// The sidecar's HTTP API: the calls of the API reference, both forms of the body, codes and errors.

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "tests/integration/scheduler_process.h"
#include "tests/integration/sidecar_process.h"

namespace belfry::integration {
namespace {

namespace json = boost::json;

// A sidecar without an app; nothing in these tests becomes due.
struct Api {
  SchedulerProcess scheduler;
  SidecarProcess sidecar{{.scheduler = scheduler.address(), .app_id = "jabba"}};

  HttpResponse Post(const std::string& target, const std::string& body) const {
    return sidecar.Http("POST", target, body);
  }
  HttpResponse Get(const std::string& target) const { return sidecar.Http("GET", target); }
  HttpResponse Delete(const std::string& target) const { return sidecar.Http("DELETE", target); }
};

void CheckNoContent(const HttpResponse& response) {
  CHECK(response.error == "");
  CHECK(response.status == 204);
  CHECK(response.body == "");
  CHECK(response.headers.count("content-type") == 0);
}

// A response with JSON: its status and its body without regard to white space.
void CheckJson(const HttpResponse& response, int status, const std::string& body) {
  INFO(response.body);
  CHECK(response.error == "");
  CHECK(response.status == status);
  REQUIRE(response.headers.count("content-type") == 1);
  CHECK(response.headers.at("content-type") == "application/json");
  json::error_code error;
  const json::value is = json::parse(response.body, error);
  REQUIRE_FALSE(error);
  CHECK(is == json::parse(body));
}

// An error in the form of those that concern jobs.
void CheckJobError(const HttpResponse& response, int status, const std::string& code,
                   const std::string& message, bool with_namespace = true) {
  const json::object metadata = with_namespace
                                    ? json::object{{"appID", "jabba"}, {"namespace", "default"}}
                                    : json::object{{"appID", "jabba"}};
  const json::object detail{{"@type", "type.googleapis.com/google.rpc.ErrorInfo"},
                            {"domain", "dapr.io"},
                            {"metadata", metadata},
                            {"reason", code}};
  const json::object error{
      {"errorCode", code}, {"message", message}, {"details", json::array{detail}}};
  CheckJson(response, status, json::serialize(error));
}

TEST_CASE("the three calls of the API reference, with its nested body") {
  const Api api;
  const std::string path = "/v1.0-alpha1/jobs/jobforjabba";
  CheckNoContent(api.Post(path, R"({
        "job": {
            "data": {
                "@type": "type.googleapis.com/google.protobuf.StringValue",
                "value": "Running spice"
            },
            "schedule": "@every 1m",
            "repeats": 5
        }
    })"));
  CheckJson(api.Get(path), 200, R"({
      "name": "jobforjabba", "schedule": "@every 1m", "repeats": 5,
      "data": {"@type": "type.googleapis.com/google.protobuf.StringValue",
               "value": "Running spice"},
      "failurePolicy": {"constant": {"interval": "1s", "maxRetries": 3}}})");
  CheckNoContent(api.Delete(path));
  CheckJobError(api.Get(path), 500, "DAPR_SCHEDULER_GET_JOB",
                "failed to get job due to: rpc error: code = NotFound desc = job not found: "
                "jobforjabba");
  CheckNoContent(api.Delete(path));
}

TEST_CASE("the request body of the API reference") {
  const Api api;
  CheckNoContent(api.Post("/v1.0-alpha1/jobs/prod", R"({
      "job": {
        "data": {"@type": "type.googleapis.com/google.protobuf.StringValue",
                 "value": "\"someData\""},
        "dueTime": "30s"
      }
    })"));
  CheckJson(api.Get("/v1.0-alpha1/jobs/prod"), 200, R"({
      "name": "prod", "dueTime": "30s",
      "data": {"@type": "type.googleapis.com/google.protobuf.StringValue",
               "value": "\"someData\""},
      "failurePolicy": {"constant": {"interval": "1s", "maxRetries": 3}}})");
}

TEST_CASE("the example of the API reference with its spelling mistake is refused") {
  const Api api;
  CheckJobError(api.Post("/v1.0-alpha1/jobs/jobforjabba", R"({
        "job": {
            "data": {
                "@type": "type.googleapis.com/google.protobuf.StringValue",
                "value": "Running spice"
            },
            "scheudle": "@every 1m",
            "repeats": 5
        }
    })"),
                400, "DAPR_SCHEDULER_SCHEDULE_EMPTY", "Schedule is empty");
  CHECK(api.Get("/v1.0-alpha1/jobs/jobforjabba").status == 500);
}

TEST_CASE("flat and nested bodies under both versions of the API are one and the same job") {
  const Api api;
  const std::string fields =
      R"("schedule":"@every 1h","dueTime":"2030-01-01T00:00:00Z","ttl":"90h","repeats":3,)"
      R"("data":{"answer":42},"failurePolicy":{"constant":{"interval":"3s","maxRetries":5}})";
  const std::string read =
      R"("schedule":"@every 1h","repeats":3,"dueTime":"2030-01-01T00:00:00Z","ttl":"90h",)"
      R"("data":{"@type":"type.googleapis.com/google.protobuf.Value","value":{"answer":42}},)"
      R"("failurePolicy":{"constant":{"interval":"3s","maxRetries":5}})";
  for (const std::string version : {"/v1.0/jobs/", "/v1.0-alpha1/jobs/"}) {
    for (const std::string& body : {"{" + fields + "}", "{\"job\":{" + fields + "}}"}) {
      INFO(version << " " << body);
      CheckNoContent(api.Post(version + "job", body));
      for (const std::string other : {"/v1.0/jobs/", "/v1.0-alpha1/jobs/"}) {
        CheckJson(api.Get(other + "job"), 200, R"({"name":"job",)" + read + "}");
      }
      CheckNoContent(api.Delete(version + "job"));
    }
  }
  // The older spelling of the fields.
  CheckNoContent(api.Post("/v1.0/jobs/snake",
                          R"({"due_time":"1h","failure_policy":{"drop":{}},"data":null})"));
  CheckJson(api.Get("/v1.0/jobs/snake"), 200,
            R"({"name":"snake","dueTime":"1h","failurePolicy":{"drop":{}},)"
            R"("data":{"@type":"type.googleapis.com/google.protobuf.Value","value":null}})");
}

TEST_CASE("a pair of type and value is a message in the alpha API and plain JSON in the other") {
  const Api api;
  const std::string pair = R"({"@type":"type.googleapis.com/google.protobuf.Duration",)"
                           R"("value":"1.5s"})";
  const std::string body = R"({"dueTime":"1h","data":)" + pair + "}";
  CheckNoContent(api.Post("/v1.0-alpha1/jobs/alpha", body));
  CheckNoContent(api.Post("/v1.0/jobs/stable", body));
  const std::string policy = R"("failurePolicy":{"constant":{"interval":"1s","maxRetries":3}})";
  CheckJson(api.Get("/v1.0/jobs/alpha"), 200,
            R"({"name":"alpha","dueTime":"1h","data":{"@type":)"
            R"("type.googleapis.com/google.protobuf.Duration","value":"1.500s"},)" +
                policy + "}");
  CheckJson(api.Get("/v1.0/jobs/stable"), 200,
            R"({"name":"stable","dueTime":"1h","data":{"@type":)"
            R"("type.googleapis.com/google.protobuf.Value","value":)" +
                pair + "}," + policy + "}");
}

TEST_CASE("an existing name is a conflict unless it may be overwritten") {
  const Api api;
  const std::string path = "/v1.0-alpha1/jobs/job";
  CheckNoContent(api.Post(path, R"({"schedule":"@every 1h"})"));
  for (const char* body :
       {R"({"schedule":"@every 2h"})", R"({"job":{"schedule":"@every 2h"},"overwrite":false})"}) {
    CheckJobError(api.Post(path, body), 409, "DAPR_SCHEDULER_SCHEDULE_JOB",
                  "failed to schedule job due to: rpc error: code = AlreadyExists desc = job "
                  "already exists: 'app||default||jabba||job'");
  }
  CHECK_THAT(api.Get(path).body, Catch::Contains("@every 1h"));
  CheckNoContent(api.Post(path, R"({"schedule":"@every 2h","overwrite":true})"));
  CHECK_THAT(api.Get(path).body, Catch::Contains("@every 2h"));
  CheckNoContent(api.Post(path, R"({"job":{"schedule":"@every 3h"},"overwrite":true})"));
  CheckNoContent(api.Post(path, R"({"job":{"schedule":"@every 4h","overwrite":true}})"));
  CHECK_THAT(api.Get(path).body, Catch::Contains("@every 4h"));
  CHECK_THAT(api.Get(path).body, !Catch::Contains("overwrite"));
}

TEST_CASE("requests that are malformed") {
  const Api api;
  const std::string path = "/v1.0-alpha1/jobs/job";
  const auto check_malformed = [&](const std::string& body) {
    INFO(body);
    const HttpResponse response = api.Post(path, body);
    CHECK(response.status == 400);
    CHECK(response.headers.at("content-type") == "application/json");
    CHECK_THAT(response.body, Catch::StartsWith(R"({"errorCode":"ERR_MALFORMED_REQUEST","message":)"
                                                R"("failed deserializing HTTP body: proto:)"));
  };
  for (const char* body :
       {"{",
        " ",
        "[]",
        "[{}]",
        "null",
        "7",
        "{'schedule':'@daily'}",
        R"({"schedule":"@daily",})",
        R"({"schedule":"@daily"} x)",
        R"({"schedule":1})",
        R"({"schedule":"@daily","repeats":-1})",
        R"({"schedule":"@daily","repeats":4294967296})",
        R"({"schedule":"@daily","repeats":1.5})",
        R"({"schedule":"@daily","overwrite":"true"})",
        R"({"schedule":"@daily","schedule":"@hourly"})",
        R"({"dueTime":"1h","due_time":"1h"})",
        "{\"schedule\":\"\xFF\"}",
        R"({"schedule":"@daily","failurePolicy":{"constant":{"interval":"1m"}}})",
        R"({"schedule":"@daily","failurePolicy":{"drop":{},"constant":{}}})",
        R"({"job":{"schedule":"@daily"},"repeats":5})",
        R"({"job":"@daily"})"}) {
    check_malformed(body);
  }
  for (const char* body : {"", "{}", R"({"job":{}})", R"({"schedule":null})"}) {
    INFO(body);
    CheckJobError(api.Post(path, body), 400, "DAPR_SCHEDULER_SCHEDULE_EMPTY", "Schedule is empty");
  }
  CheckJobError(api.Post(path, R"({"name":"other","schedule":"@daily"})"), 400,
                "DAPR_SCHEDULER_JOB_NAME", "Set the job name in the url only", false);
  CheckJobError(api.Post("/v1.0/jobs/%20", R"({"schedule":"@daily"})"), 400,
                "DAPR_SCHEDULER_JOB_NAME_EMPTY", "Name is empty");
  CHECK(api.Post("/v1.0/jobs/50%", R"({"schedule":"@daily"})").status == 400);
  CheckJson(api.Post(path, R"({"schedule":"@daily","data":")" + std::string(5 << 20, 'x') + "\"}"),
            400,
            R"({"errorCode":"ERR_BODY_READ","message":)"
            R"("failed to read request body: stream too large"})");
  CHECK(api.Get(path).status == 500);
}

TEST_CASE("jobs that the scheduler refuses are bad requests, with its reasons") {
  const Api api;
  const auto check = [&](const std::string& name, const std::string& body,
                         const std::string& reason) {
    INFO(name << " " << body);
    CheckJobError(
        api.Post("/v1.0-alpha1/jobs/" + name, body), 400, "DAPR_SCHEDULER_SCHEDULE_JOB",
        "failed to schedule job due to: rpc error: code = InvalidArgument desc = " + reason);
  };
  const std::string prefix = "job failed validation: ";
  check("job", R"({"schedule":"61 * * * * *"})",
        prefix + "schedule \"61 * * * * *\": second 61 is out of range 0-59");
  check("job", R"({"dueTime":"<soon>"})", prefix + "due time format not recognized");
  check("job", R"({"dueTime":"1h","repeats":2})", prefix + "job must have a schedule to repeat");
  check("job", R"({"schedule":"@daily","repeats":0})",
        prefix + "defined repeats must be greater than 0");
  check("job", R"({"schedule":"@daily","ttl":""})", prefix + "ttl format not recognized");
  check("job", R"({"dueTime":"1h","ttl":"2h"})", prefix + "job must have a schedule to have a ttl");
  check("a%2Fb", R"({"dueTime":"1h"})", "job name \"a/b\" contains the forbidden character /");
  CHECK(api.Post("/v1.0/jobs/" + std::string(600, 'a'), R"({"dueTime":"1h"})").status == 400);
  CHECK(api.Get("/v1.0/jobs/a%2Fb").status == 400);
  CHECK(api.Delete("/v1.0/jobs/a%2Fb").status == 400);
}

TEST_CASE("names come out of the path as they went in") {
  const Api api;
  const std::string body = R"({"dueTime":"1h"})";
  const auto name_of = [](const HttpResponse& response) {
    json::error_code error;
    const json::value job = json::parse(response.body, error);
    return error ? response.body : std::string(job.at("name").as_string());
  };
  CheckNoContent(api.Post("/v1.0/jobs/a+b%25c%40d%7C%7Ce", body));
  CHECK(name_of(api.Get("/v1.0/jobs/a%20b%25c@d||e")) == "a b%c@d||e");
  CheckNoContent(api.Post("/v1.0/jobs/%C3%A9", body));
  CHECK(name_of(api.Get("//v1.0/./jobs/%c3%a9/")) == "\xC3\xA9");
  // White space around a name is taken away when it is scheduled, and only then.
  CheckNoContent(api.Post("/v1.0/jobs/%20trim%20", body));
  CHECK(name_of(api.Get("/v1.0/jobs/trim")) == "trim");
  CHECK(api.Get("/v1.0/jobs/%20trim%20").status == 500);
}

TEST_CASE("what is not there, and what tells of the sidecar itself") {
  const Api api;
  for (const auto& [method, target] :
       {std::pair("PUT", "/v1.0/jobs/job"), std::pair("GET", "/v1.0/jobs"),
        std::pair("POST", "/v1.0/jobs/"), std::pair("GET", "/v2.0/jobs/job"), std::pair("GET", "/"),
        std::pair("GET", "/v1.0/jobs/a/b")}) {
    INFO(method << " " << target);
    CheckJson(api.sidecar.Http(method, target), 404,
              R"({"errorCode":"ERR_DIRECT_INVOKE","message":)"
              R"("failed getting app id either from the URL path or the header dapr-app-id"})");
  }
  CheckNoContent(api.Get("/v1.0/healthz"));
  CheckNoContent(api.Get("/v1.0/healthz?appid=jabba"));
  CheckNoContent(api.Get("/v1.0/healthz/outbound"));
  CheckJson(api.Get("/v1.0/healthz?appid=leia"), 500,
            R"({"errorCode":"ERR_HEALTH_APPID_NOT_MATCH","message":"dapr app-id does not match"})");

  CheckNoContent(api.sidecar.Http("PUT", "/v1.0/metadata/owner", "hutt"));
  const HttpResponse response = api.Get("/v1.0/metadata");
  CHECK(response.status == 200);
  const json::value metadata = json::parse(response.body);
  CHECK(metadata.at("id") == "jabba");
  CHECK(metadata.at("extended").at("owner") == "hutt");
  CHECK(metadata.at("scheduler").at("connected_addresses") == json::value{api.scheduler.address()});
}

}  // namespace
}  // namespace belfry::integration
