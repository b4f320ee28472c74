#include "client/net/reset_guard.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "client/net/open_connections.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/server_interceptor.h"
#include "spdlog/spdlog.h"

namespace belfry::net {
namespace {

// After the end of a connection calls of its are still worked off; they end it again at most this
// often, should its client have got through.
constexpr absl::Duration kBreakPause = absl::Seconds(1);
constexpr absl::Duration kTellPeriod = absl::Seconds(10);
const absl::Duration kRefillTime = absl::Seconds(kResetBurst / kResetsPerSecond);
// As many clients are remembered before it is looked which of them can be forgotten.
constexpr size_t kManyClients = 1000;

// What the calls of one server share.
struct Calls {
  std::atomic<int> open = 0;
  ResetGuard guard;
};

// Looks at the end of one call.
class CallObserver final : public grpc::experimental::Interceptor {
 public:
  CallObserver(grpc::ServerContextBase* call, ResetGuard* guard) : call_(call), guard_(guard) {}

  void Intercept(grpc::experimental::InterceptorBatchMethods* methods) override {
    using grpc::experimental::InterceptionHookPoints;
    if (methods->QueryInterceptionHookPoint(InterceptionHookPoints::POST_RECV_CLOSE)) LookAtEnd();
    methods->Proceed();
  }

 private:
  void LookAtEnd() {
    if (!call_->IsCancelled() || std::chrono::system_clock::now() >= call_->deadline()) return;
    guard_->CountReset(call_->peer(), absl::Now());
  }

  grpc::ServerContextBase* const call_;
  ResetGuard* const guard_;
};

// Is asked at the beginning of each call.
class ObserverFactory final : public grpc::experimental::ServerInterceptorFactoryInterface {
 public:
  explicit ObserverFactory(std::shared_ptr<Calls> calls) : calls_(std::move(calls)) {}

  grpc::experimental::Interceptor* CreateServerInterceptor(
      grpc::experimental::ServerRpcInfo* info) override {
    if (calls_->open.fetch_add(1) < kUnobservedCalls) return nullptr;
    return new CallObserver(info->server_context(), &calls_->guard);
  }

 private:
  const std::shared_ptr<Calls> calls_;
};

// Makes no contexts, but is shown those of all calls when nothing of them is left to do.
class EndCounter final : public grpc::ContextAllocator {
 public:
  explicit EndCounter(std::shared_ptr<Calls> calls) : calls_(std::move(calls)) {}

  void Release(grpc::CallbackServerContext*) override { --calls_->open; }
  void Release(grpc::GenericCallbackServerContext*) override { --calls_->open; }

 private:
  const std::shared_ptr<Calls> calls_;
};

}  // namespace

ResetGuard::ResetGuard() : ResetGuard(BreakConnectionsFrom) {}

void ResetGuard::CountReset(const std::string& peer, absl::Time now) {
  {
    const absl::MutexLock lock(&mutex_);
    if (clients_.size() >= kManyClients) Forget(now);
    const auto [at, is_new] = clients_.try_emplace(peer);
    Client& client = at->second;
    if (!is_new) {
      const double refilled = absl::ToDoubleSeconds(now - client.counted) * kResetsPerSecond;
      client.left = std::min(kResetBurst, client.left + std::max(0.0, refilled));
    }
    client.counted = now;
    client.left = std::max(0.0, client.left - 1);
    if (client.left >= 1 || now - client.broken < kBreakPause) return;
    client.broken = now;
  }
  const int broken = break_off_(peer);
  const absl::MutexLock lock(&mutex_);
  untold_ += broken;
  if (untold_ == 0 || now - told_ < kTellPeriod) return;
  told_ = now;
  spdlog::warn("connections ended, their clients reset calls too fast connections={} last=\"{}\"",
               std::exchange(untold_, 0), peer);
}

void ResetGuard::Forget(absl::Time now) {
  absl::erase_if(clients_,
                 [&](const auto& client) { return now - client.second.counted >= kRefillTime; });
}

void GuardResets(grpc::ServerBuilder* builder, grpc::CallbackGenericService* unimplemented) {
  const auto calls = std::make_shared<Calls>();
  std::vector<std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>> factories;
  factories.push_back(std::make_unique<ObserverFactory>(calls));
  builder->experimental().SetInterceptorCreators(std::move(factories));
  builder->SetContextAllocator(std::make_unique<EndCounter>(calls));
  builder->RegisterCallbackGenericService(unimplemented);
}

}  // namespace belfry::net
