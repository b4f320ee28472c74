#pragma once

// GrpcApp: an app in this process that receives jobs over gRPC on 127.0.0.1, records them and
// answers as the test says.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "dapr/proto/runtime/v1/appcallback.pb.h"
#include "grpcpp/support/status.h"

namespace belfry::integration {

// What an app got.
struct AppEvent {
  std::string rpc;  // bare name
  dapr::proto::runtime::v1::JobEventRequest request;
  std::multimap<std::string, std::string> metadata;
};

// Which of the two services there are.
enum class AppServices { kStable, kAlpha, kBoth, kNone };

// Thread safety: all methods may be called from any thread.
class GrpcApp {
 public:
  // Decides on the answer to a job. Called on several threads.
  using Script = std::function<grpc::Status(const AppEvent&)>;

  // Listens on any free port. Without a script every job is answered with OK.
  explicit GrpcApp(AppServices services, Script script = {});
  ~GrpcApp();
  GrpcApp(const GrpcApp&) = delete;
  GrpcApp& operator=(const GrpcApp&) = delete;

  uint16_t port() const;

  // Whether HealthCheck is answered with OK or with an error.
  void SetHealthy(bool healthy);

  // In order of arrival.
  std::vector<AppEvent> events() const;
  // Whether so many, at least, have come before the limit of all waits.
  bool WaitForEvents(size_t count) const;

 private:
  class Server;
  std::unique_ptr<Server> server_;
};

}  // namespace belfry::integration
