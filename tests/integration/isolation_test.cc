// Apps and namespaces know nothing of each other.

#include <array>
#include <catch2/catch.hpp>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/integration/http_app.h"
#include "tests/integration/jobs_api.h"
#include "tests/integration/scheduler_client.h"
#include "tests/integration/scheduler_process.h"
#include "tests/integration/sidecar_process.h"

namespace belfry::integration {
namespace {

using NameList = std::vector<std::string>;

// An app with its sidecar.
struct Tenant {
  Tenant(const SchedulerProcess& scheduler, const std::string& app_id, const std::string& ns)
      : label(ns + "/" + app_id),
        sidecar({.scheduler = scheduler.address(),
                 .app_id = app_id,
                 .ns = ns,
                 .app_port = app.port()}) {}

  bool Schedule(const std::string& name, const std::string& due_time) const {
    return sidecar
               .Http("POST", "/v1.0/jobs/" + name,
                     R"({"dueTime":")" + due_time + R"(","data":")" + label + R"("})")
               .status == 204;
  }
  NameList Names() { return JobsApi(&sidecar.stub(), RpcNames::kStable).Names(); }

  const std::string label;
  HttpApp app;
  SidecarProcess sidecar;
};

// Ids of which one begins as the other does, in namespaces of that kind.
struct Tenants {
  SchedulerProcess scheduler;
  std::array<std::unique_ptr<Tenant>, 4> all = {
      std::make_unique<Tenant>(scheduler, "app", "test"),
      std::make_unique<Tenant>(scheduler, "app2", "test"),
      std::make_unique<Tenant>(scheduler, "app", "test-1"),
      std::make_unique<Tenant>(scheduler, "app2", "test-1"),
  };
};

TEST_CASE("apps of one name or one namespace do not see each other's jobs") {
  Tenants tenants;
  for (const auto& tenant : tenants.all) {
    INFO(tenant->label);
    CHECK(tenant->Schedule("same", "1h"));
    CHECK(tenant->Schedule("same-too", "1h"));
    // Each name exists once only.
    CHECK_FALSE(tenant->Schedule("same", "1h"));
  }
  CHECK(tenants.all[0]->Schedule("mine", "1h"));
  for (size_t i = 0; i < tenants.all.size(); ++i) {
    const Tenant& tenant = *tenants.all[i];
    INFO(tenant.label);
    CHECK_THAT(tenant.sidecar.Http("GET", "/v1.0/jobs/same").body, Catch::Contains(tenant.label));
    CHECK(tenant.sidecar.Http("GET", "/v1.0/jobs/mine").status == (i == 0 ? 200 : 500));
    CHECK(tenants.all[i]->Names() ==
          (i == 0 ? NameList{"mine", "same", "same-too"} : NameList{"same", "same-too"}));
  }
  // Nobody deletes what is not theirs, alone or by prefix.
  CHECK(tenants.all[1]->sidecar.Http("DELETE", "/v1.0/jobs/mine").status == 204);
  CHECK(tenants.all[0]->sidecar.Http("DELETE", "/v1.0/jobs/same").status == 204);
  CHECK(JobsApi(&tenants.all[0]->sidecar.stub(), RpcNames::kStable).DeletePrefix("same").ok());
  CHECK(tenants.all[0]->Names() == NameList{"mine"});
  CHECK(JobsApi(&tenants.all[0]->sidecar.stub(), RpcNames::kStable).DeletePrefix("").ok());
  CHECK(tenants.all[0]->Names().empty());
  for (size_t i = 1; i < tenants.all.size(); ++i) {
    INFO(tenants.all[i]->label);
    CHECK(tenants.all[i]->Names() == NameList{"same", "same-too"});
  }
}

TEST_CASE("deletes by id prefix and by name prefix stay within their target, over the wire") {
  SchedulerProcess scheduler;
  SchedulerClient client(scheduler.address());
  const auto actor = [](const std::string& type, const std::string& id, const std::string& ns) {
    auto metadata = ActorMetadata(type, id);
    metadata.set_namespace_(ns);
    return metadata;
  };
  const auto schedule_all = [&] {
    for (const char* ns : {"test", "test-1"}) {
      for (const char* app : {"app", "app2", "ap"}) {
        for (const char* name : {"job", "job-1"}) {
          REQUIRE(client.Schedule(name, DueIn("1h"), AppMetadata(app, ns), true).ok());
        }
      }
      for (const char* type : {"cat", "cat2"}) {
        for (const char* id : {"1", "12", "2"}) {
          REQUIRE(
              client.Schedule(std::string("r") + id, DueIn("1h"), actor(type, id, ns), true).ok());
        }
      }
    }
  };
  const NameList both = {"job", "job-1"};
  const NameList all_ids = {"r1", "r12", "r2"};
  schedule_all();

  // An app id is compared whole, whatever is asked for.
  for (const bool id_prefix_match : {true, false}) {
    CHECK(client.DeleteByMetadata(AppMetadata("app", "test"), id_prefix_match).ok());
    CHECK(client.Names(AppMetadata("app", "test")).empty());
    CHECK(client.Names(AppMetadata("app2", "test")) == both);
    CHECK(client.Names(AppMetadata("ap", "test")) == both);
    CHECK(client.Names(AppMetadata("app", "test-1")) == both);
    schedule_all();
  }
  CHECK(client.DeleteByNamePrefix(AppMetadata("ap", "test"), "job").ok());
  CHECK(client.Names(AppMetadata("ap", "test")).empty());
  CHECK(client.Names(AppMetadata("app", "test")) == both);
  CHECK(client.Names(AppMetadata("ap", "test-1")) == both);
  CHECK(client.DeleteByNamePrefix(AppMetadata("app", "test"), "job-").ok());
  CHECK(client.Names(AppMetadata("app", "test")) == NameList{"job"});

  CHECK(client.DeleteByMetadata(actor("cat", "1", "test"), true).ok());
  CHECK(client.Names(actor("cat", "", "test")) == NameList{"r2"});
  CHECK(client.Names(actor("cat2", "", "test")) == all_ids);
  CHECK(client.Names(actor("cat", "", "test-1")) == all_ids);
  // Without an id the type is the prefix, as with Dapr.
  CHECK(client.DeleteByMetadata(actor("cat", "", "test"), true).ok());
  CHECK(client.Names(actor("cat2", "", "test")).empty());
  CHECK(client.Names(actor("cat", "", "test-1")) == all_ids);
  CHECK(client.Names(AppMetadata("app2", "test")) == both);
}

TEST_CASE("triggers reach the app that they are for and no other") {
  constexpr size_t kJobs = 20;
  Tenants tenants;
  for (size_t i = 0; i < kJobs; ++i) {
    for (const auto& tenant : tenants.all) {
      REQUIRE(tenant->Schedule("job-" + std::to_string(i), i % 2 == 0 ? "0s" : "100ms"));
    }
  }
  for (const auto& tenant : tenants.all) CHECK(tenant->app.WaitForJobs(kJobs));
  for (const auto& tenant : tenants.all) {
    INFO(tenant->label);
    CHECK(Eventually([&] { return tenant->Names().empty(); }));
    CHECK(tenant->app.job_count() == kJobs);
    for (const AppRequest& request : tenant->app.jobs()) {
      CHECK(request.body == "\"" + tenant->label + "\"");
    }
  }
}

}  // namespace
}  // namespace belfry::integration
