#include "client/sidecar/app_watch.h"

#include <spdlog/spdlog.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

namespace belfry::sidecar {
namespace {

namespace asio = boost::asio;
constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);

// Waits for the answers of the channel, which may come on any thread.
asio::awaitable<void> Introduce(AppChannel& app) {
  const auto initiate = [&app](auto completion) {
    auto executor = asio::get_associated_executor(completion);
    app.Introduce([completion = std::move(completion), executor]() mutable {
      asio::post(executor, std::move(completion));
    });
  };
  co_await asio::async_initiate<const asio::use_awaitable_t<>, void()>(initiate,
                                                                       asio::use_awaitable);
}

asio::awaitable<bool> CheckHealth(AppChannel& app) {
  const auto initiate = [&app](auto completion) {
    auto executor = asio::get_associated_executor(completion);
    app.CheckHealth([completion = std::move(completion), executor](bool healthy) mutable {
      asio::post(executor, [completion = std::move(completion), healthy]() mutable {
        std::move(completion)(healthy);
      });
    });
  };
  const bool healthy = co_await asio::async_initiate<const asio::use_awaitable_t<>, void(bool)>(
      initiate, asio::use_awaitable);
  co_return healthy;
}

}  // namespace

AppWatch::AppWatch(asio::any_io_executor executor, AppWatchOptions options, AppChannel& app,
                   std::function<void()> on_connected, std::function<void(bool)> on_healthy)
    : executor_(asio::make_strand(executor)),
      options_(std::move(options)),
      app_(app),
      on_connected_(std::move(on_connected)),
      on_healthy_(std::move(on_healthy)),
      timer_(executor_) {}

void AppWatch::Start() { asio::co_spawn(executor_, Run(), asio::detached); }

void AppWatch::Stop() {
  stopped_ = true;
  asio::post(executor_, [this] { timer_.cancel(); });
}

asio::awaitable<bool> AppWatch::Sleep(absl::Duration duration) {
  if (stopped_) co_return false;
  timer_.expires_after(absl::ToChronoNanoseconds(duration));
  co_await timer_.async_wait(kAwait);
  co_return !stopped_;
}

asio::awaitable<void> AppWatch::Run() {
  const bool connected = co_await WaitForPort();
  if (!connected) co_return;
  spdlog::info("app connected host={} port={}", options_.address.host, options_.address.port);
  co_await Introduce(app_);
  if (stopped_) co_return;
  on_connected_();
  if (!options_.probe_health) {
    on_healthy_(true);
    co_return;
  }
  co_await WatchHealth();
}

asio::awaitable<bool> AppWatch::WaitForPort() {
  bool told = false;
  while (!stopped_) {
    boost::beast::tcp_stream stream(executor_);
    const absl::Status status =
        co_await ConnectToApp(stream, options_.address, kAppPortDialTimeout);
    if (stopped_) co_return false;
    if (status.ok()) co_return true;
    if (!told) {
      spdlog::info("waiting for the app host={} port={}", options_.address.host,
                   options_.address.port);
      told = true;
    }
    const bool go_on = co_await Sleep(options_.poll_interval);
    if (!go_on) co_return false;
  }
  co_return false;
}

asio::awaitable<void> AppWatch::WatchHealth() {
  bool healthy = false;
  int failures = 0;
  while (!stopped_) {
    const auto begin = std::chrono::steady_clock::now();
    const bool ok = co_await CheckHealth(app_);
    if (stopped_) co_return;
    failures = ok ? 0 : failures + 1;
    if (ok && !healthy) {
      healthy = true;
      spdlog::info("app is healthy");
      on_healthy_(true);
    } else if (healthy && failures >= options_.threshold) {
      healthy = false;
      spdlog::warn("app is unhealthy failures={}", failures);
      on_healthy_(false);
    }
    const absl::Duration took = absl::FromChrono(std::chrono::steady_clock::now() - begin);
    const bool go_on =
        co_await Sleep(std::max(options_.probe_interval - took, absl::ZeroDuration()));
    if (!go_on) co_return;
  }
}

}  // namespace belfry::sidecar
