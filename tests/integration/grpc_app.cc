#include "tests/integration/grpc_app.h"

#include <atomic>
#include <mutex>
#include <utility>

#include "dapr/proto/runtime/v1/appcallback.grpc.pb.h"
#include "grpcpp/security/server_credentials.h"
#include "grpcpp/server.h"
#include "grpcpp/server_builder.h"
#include "tests/integration/eventually.h"

namespace belfry::integration {
namespace {

namespace pb = dapr::proto::runtime::v1;

// What both services do.
class Recorder {
 public:
  explicit Recorder(GrpcApp::Script script) : script_(std::move(script)) {}

  grpc::Status Handle(const char* rpc, grpc::ServerContext* context,
                      const pb::JobEventRequest& request) {
    AppEvent event{rpc, request, {}};
    for (const auto& [key, value] : context->client_metadata()) {
      event.metadata.emplace(std::string(key.data(), key.size()),
                             std::string(value.data(), value.size()));
    }
    {
      const std::lock_guard lock(mutex_);
      events_.push_back(event);
    }
    return script_ ? script_(event) : grpc::Status::OK;
  }

  std::vector<AppEvent> events() const {
    const std::lock_guard lock(mutex_);
    return events_;
  }

 private:
  const GrpcApp::Script script_;
  mutable std::mutex mutex_;
  std::vector<AppEvent> events_;  // guarded by mutex_
};

class StableService final : public pb::AppCallback::Service {
 public:
  explicit StableService(Recorder* recorder) : recorder_(recorder) {}
  grpc::Status OnJobEvent(grpc::ServerContext* context, const pb::JobEventRequest* request,
                          pb::JobEventResponse*) override {
    return recorder_->Handle("OnJobEvent", context, *request);
  }

 private:
  Recorder* const recorder_;
};

class AlphaService final : public pb::AppCallbackAlpha::Service {
 public:
  explicit AlphaService(Recorder* recorder) : recorder_(recorder) {}
  grpc::Status OnJobEventAlpha1(grpc::ServerContext* context, const pb::JobEventRequest* request,
                                pb::JobEventResponse*) override {
    return recorder_->Handle("OnJobEventAlpha1", context, *request);
  }

 private:
  Recorder* const recorder_;
};

class HealthService final : public pb::AppCallbackHealthCheck::Service {
 public:
  grpc::Status HealthCheck(grpc::ServerContext*, const google::protobuf::Empty*,
                           pb::HealthCheckResponse*) override {
    return healthy ? grpc::Status::OK : grpc::Status(grpc::StatusCode::INTERNAL, "unwell");
  }

  std::atomic<bool> healthy{true};
};

}  // namespace

class GrpcApp::Server {
 public:
  Server(AppServices services, Script script)
      : recorder_(std::move(script)), stable_(&recorder_), alpha_(&recorder_) {
    grpc::ServerBuilder builder;
    builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port_);
    builder.RegisterService(&health_);
    if (services == AppServices::kStable || services == AppServices::kBoth) {
      builder.RegisterService(&stable_);
    }
    if (services == AppServices::kAlpha || services == AppServices::kBoth) {
      builder.RegisterService(&alpha_);
    }
    server_ = builder.BuildAndStart();
  }
  ~Server() { server_->Shutdown(std::chrono::system_clock::now() + kWaitLimit); }

  uint16_t port() const { return static_cast<uint16_t>(port_); }
  std::vector<AppEvent> events() const { return recorder_.events(); }
  void SetHealthy(bool healthy) { health_.healthy = healthy; }

 private:
  Recorder recorder_;
  StableService stable_;
  AlphaService alpha_;
  HealthService health_;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

GrpcApp::GrpcApp(AppServices services, Script script)
    : server_(std::make_unique<Server>(services, std::move(script))) {}

GrpcApp::~GrpcApp() = default;

uint16_t GrpcApp::port() const { return server_->port(); }

void GrpcApp::SetHealthy(bool healthy) { server_->SetHealthy(healthy); }

std::vector<AppEvent> GrpcApp::events() const { return server_->events(); }

bool GrpcApp::WaitForEvents(size_t count) const {
  return Eventually([&] { return events().size() >= count; });
}

}  // namespace belfry::integration
