#include "client/sidecar/app_watch.h"

#include <catch2/catch.hpp>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "tests/unit/sidecar/loopback.h"
#include "tests/unit/sidecar/waiter.h"

namespace belfry::sidecar {
namespace {

// Answers probes as it is told.
class ProbedApp : public AppChannel {
 public:
  explicit ProbedApp(std::vector<bool> answers) : answers_(std::move(answers)) {}

  void Deliver(JobEvent, absl::AnyInvocable<void(AppReply)> done) override { done({}); }
  void CheckHealth(absl::AnyInvocable<void(bool)> done) override {
    bool healthy = true;
    {
      const std::lock_guard lock(mutex_);
      if (next_ < answers_.size()) healthy = answers_[next_++];
    }
    done(healthy);
  }
  void Introduce(absl::AnyInvocable<void()> done) override {
    introduced.Put(true);
    done();
  }
  void CancelDeliveries() override {}

  Waiter<bool> introduced;

 private:
  std::mutex mutex_;
  const std::vector<bool> answers_;
  std::size_t next_ = 0;
};

AppWatchOptions Options(int port) {
  AppWatchOptions options;
  options.address = {"127.0.0.1", port};
  options.poll_interval = absl::Milliseconds(5);
  options.probe_interval = absl::Milliseconds(1);
  return options;
}

struct Fixture {
  Fixture(AppWatchOptions options, std::vector<bool> answers)
      : app(std::move(answers)),
        watch(
            threads.io().get_executor(), std::move(options), app, [this] { connected.Put(true); },
            [this](bool is_healthy) { healthy.Put(is_healthy); }) {}
  ~Fixture() {
    watch.Stop();
    threads.Stop();
  }

  Waiter<bool> connected;
  Waiter<bool> healthy;
  ProbedApp app;
  IoThreads threads;
  AppWatch watch;
};

TEST_CASE("app watch: without probes an open port is enough") {
  boost::asio::io_context io;
  boost::asio::ip::tcp::acceptor port(io, {boost::asio::ip::address_v4::loopback(), 0});
  Fixture f(Options(port.local_endpoint().port()), {});
  f.watch.Start();
  CHECK(f.app.introduced.Take());
  CHECK(f.connected.Take());
  CHECK(f.healthy.Take() == true);
}

TEST_CASE("app watch: the port is waited for") {
  boost::asio::io_context io;
  boost::asio::ip::tcp::acceptor port(io, {boost::asio::ip::address_v4::loopback(), 0});
  const auto endpoint = port.local_endpoint();
  port.close();
  Fixture f(Options(endpoint.port()), {});
  f.watch.Start();
  CHECK_FALSE(f.connected.Take(std::chrono::milliseconds(30)));
  port.open(endpoint.protocol());
  port.set_option(boost::asio::ip::tcp::acceptor::reuse_address(true));
  port.bind(endpoint);
  port.listen();
  CHECK(f.connected.Take());
}

TEST_CASE("app watch: so many failures in a row make the app unhealthy, one success healthy") {
  boost::asio::io_context io;
  boost::asio::ip::tcp::acceptor port(io, {boost::asio::ip::address_v4::loopback(), 0});
  AppWatchOptions options = Options(port.local_endpoint().port());
  options.probe_health = true;
  options.threshold = 3;
  // Unhealthy at first; two failures in a row are forgiven, three are not.
  Fixture f(options, {false, false, false, false, true, false, false, true, false, false, false});
  f.watch.Start();
  CHECK(f.healthy.Take() == true);
  CHECK(f.healthy.Take() == false);
  CHECK(f.healthy.Take() == true);
  CHECK_FALSE(f.healthy.Take(std::chrono::milliseconds(30)));
}

TEST_CASE("app watch: it can be stopped while it waits") {
  auto options = Options(1);
  options.poll_interval = absl::Hours(1);
  Fixture f(options, {});
  f.watch.Start();
  CHECK_FALSE(f.connected.Take(std::chrono::milliseconds(10)));
}

}  // namespace
}  // namespace belfry::sidecar
