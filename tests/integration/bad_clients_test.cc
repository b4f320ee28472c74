// Clients that misbehave: what they do to themselves, and that they do it to nobody else.

#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <catch2/catch.hpp>
#include <chrono>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"
#include "tests/integration/http_app.h"
#include "tests/integration/http_client.h"
#include "tests/integration/metric.h"
#include "tests/integration/scheduler_client.h"
#include "tests/integration/scheduler_process.h"
#include "tests/integration/sidecar_process.h"
#include "tests/integration/watcher.h"
#include "tests/support/http2_frames.h"
#include "tests/unit/client/silent_proxy.h"

namespace belfry::integration {
namespace {

namespace pb = dapr::proto::scheduler::v1;
using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

// Within this a job that is due is delivered, whatever others do.
constexpr seconds kSoon{1};

// Whether a job of another app comes at once and is settled.
bool ServesOthers(SchedulerClient* client, Watcher* watcher, const std::string& app) {
  static int count = 0;
  const std::string name = "check-" + std::to_string(++count);
  if (!client->Schedule(name, DueIn("0s"), AppMetadata(app)).ok()) return false;
  const auto begin = steady_clock::now();
  const auto trigger = watcher->Next();
  const auto took = steady_clock::now() - begin;
  if (!trigger.has_value() || trigger->name() != name) return false;
  watcher->Answer(trigger->id());
  INFO(std::chrono::duration_cast<milliseconds>(took).count() << " ms");
  CHECK(took < kSoon);
  return true;
}

TEST_CASE("a stream whose client does not read harms nobody, and loses nothing when it goes") {
  constexpr size_t kJobs = 200;
  SchedulerProcess scheduler({.port = 0, .flags = {"--max-stream-unsent-bytes=64KiB"}});
  SchedulerClient client(scheduler.address());
  // By itself gRPC would take megabytes before anybody reads.
  grpc::ChannelArguments small_windows;
  small_windows.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  small_windows.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  const auto stub = pb::Scheduler::NewStub(grpc::CreateCustomChannel(
      scheduler.address(), grpc::InsecureChannelCredentials(), small_windows));
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + kWaitLimit * 2);
  const auto stalled = stub->WatchJobs(&context);
  REQUIRE(stalled->Write(WatchApp("app")));
  Watcher good(scheduler.address(), WatchApp("app"));
  Watcher other(scheduler.address(), WatchApp("other"));
  const auto streams = [&] {
    return Metric(scheduler.metrics_port(), "dapr_scheduler_sidecars_connected");
  };
  REQUIRE(Eventually([&] { return streams() == 3; }));

  const std::string payload(32 * 1024, 'x');
  std::set<std::string> names;
  for (size_t i = 0; i < kJobs; ++i) {
    REQUIRE(client.Schedule("job-" + std::to_string(i), WithText(DueIn("0s"), payload)).ok());
    if (i % 20 == 0) REQUIRE(ServesOthers(&client, &other, "other"));
  }
  const auto take = [&](milliseconds limit) {
    const auto trigger = good.Next(limit);
    if (!trigger.has_value()) return false;
    CHECK(names.insert(trigger->name()).second);
    good.Answer(trigger->id());
    return true;
  };
  // The stalled one keeps what it was sent, and a little more that waits to be.
  while (take(kQuietTime)) {
  }
  CHECK(names.size() > kJobs / 2);
  CHECK(names.size() < kJobs);
  CHECK(ServesOthers(&client, &other, "other"));
  CHECK(Http(scheduler.healthz_port(), "GET", "/readyz").status == 200);
  context.TryCancel();
  while (names.size() < kJobs && take(kWaitLimit)) {
  }
  CHECK(names.size() == kJobs);
  CHECK(Eventually([&] { return client.Names().empty(); }));
}

TEST_CASE("a sidecar that is killed in a burst leaves its triggers to another within a second") {
  constexpr size_t kJobs = 100;
  SchedulerProcess scheduler;
  SchedulerClient client(scheduler.address());
  HttpApp hanging(0, [](const AppRequest&) { return AppReply{200, std::chrono::minutes(2)}; });
  HttpApp working;
  SidecarProcess first({.scheduler = scheduler.address(), .app_port = hanging.port()});
  SidecarProcess second({.scheduler = scheduler.address(), .app_port = working.port()});
  for (size_t i = 0; i < kJobs; ++i) {
    REQUIRE(client.Schedule("job-" + std::to_string(i), WithDrop(DueIn("0s"))).ok());
  }
  REQUIRE(Eventually([&] { return hanging.job_count() + working.job_count() == kJobs; }));
  REQUIRE(hanging.job_count() > kJobs / 4);
  const absl::Time killed = absl::Now();
  first.Kill();
  REQUIRE(working.WaitForJobs(kJobs));
  std::set<std::string> targets;
  absl::Time last = absl::InfinitePast();
  for (const AppRequest& request : working.jobs()) {
    targets.insert(request.target);
    last = std::max(last, request.arrived);
  }
  CHECK(targets.size() == kJobs);
  CHECK(working.job_count() == kJobs);
  CHECK(last - killed < absl::Seconds(1));
  CHECK(Eventually([&] { return client.Names().empty(); }));
}

TEST_CASE("a watcher that comes and dies in a loop costs little and delays nobody") {
  constexpr seconds kTime{5};
  SchedulerProcess scheduler;
  SchedulerClient client(scheduler.address());
  Watcher other(scheduler.address(), WatchApp("other"));
  REQUIRE(client.Schedule("job", WithDrop(DueIn("0s"))).ok());
  const double cpu_before = Metric(scheduler.metrics_port(), "process_cpu_seconds_total");
  const auto begin = steady_clock::now();
  int came = 0;
  int triggers = 0;
  while (steady_clock::now() - begin < kTime) {
    Watcher watcher(scheduler.address(), WatchApp("app"));
    if (watcher.Next(milliseconds(20)).has_value()) ++triggers;
    if (++came % 20 == 0) REQUIRE(ServesOthers(&client, &other, "other"));
  }
  const double cpu = Metric(scheduler.metrics_port(), "process_cpu_seconds_total") - cpu_before;
  INFO("came " << came << " times, triggers " << triggers << ", CPU " << cpu << " s");
  CHECK(came > 50);
  CHECK(triggers >= 2);
  // At once, again at once, then after pauses of 100 ms, 200 ms and so on.
  CHECK(triggers <= 8);
  CHECK(cpu < 0.3 * static_cast<double>(kTime.count()));
  Watcher watcher(scheduler.address(), WatchApp("app"));
  const auto trigger = watcher.Next();
  REQUIRE(trigger.has_value());
  watcher.Answer(trigger->id());
  CHECK(Eventually([&] { return client.Names().empty(); }));
}

TEST_CASE("a thousand watchers come at once, and each gets what is its own") {
  constexpr int kConnections = 100;
  constexpr int kStreams = 10;  // of each connection
  SchedulerProcess scheduler;
  SchedulerClient client(scheduler.address());
  Watcher other(scheduler.address(), WatchApp("other"));
  std::atomic<int> right = 0;
  std::vector<std::thread> threads;
  for (int c = 0; c < kConnections; ++c) {
    threads.emplace_back([&, c] {
      const auto stub = scheduler.NewStub();
      std::vector<std::unique_ptr<grpc::ClientContext>> contexts;
      std::vector<
          std::unique_ptr<grpc::ClientReaderWriter<pb::WatchJobsRequest, pb::WatchJobsResponse>>>
          streams;
      const auto app = [&](int s) { return "app-" + std::to_string(c * kStreams + s); };
      for (int s = 0; s < kStreams; ++s) {
        contexts.push_back(std::make_unique<grpc::ClientContext>());
        contexts.back()->set_deadline(std::chrono::system_clock::now() + 3 * kWaitLimit);
        // On a busy machine a first attempt to connect may take too long, and is repeated.
        contexts.back()->set_wait_for_ready(true);
        streams.push_back(stub->WatchJobs(contexts.back().get()));
        streams.back()->Write(WatchApp(app(s)));
      }
      for (int s = 0; s < kStreams; ++s) {
        pb::WatchJobsResponse trigger;
        if (streams[static_cast<size_t>(s)]->Read(&trigger) && trigger.name() == app(s)) ++right;
      }
      for (auto& context : contexts) context->TryCancel();
      for (auto& stream : streams) stream->Finish();
    });
  }
  for (int i = 0; i < 5; ++i) CHECK(ServesOthers(&client, &other, "other"));
  for (int i = 0; i < kConnections * kStreams; ++i) {
    const std::string app = "app-" + std::to_string(i);
    CHECK(client.Schedule(app, DueIn("0s"), AppMetadata(app)).ok());
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(right == kConnections * kStreams);
  CHECK(Eventually(
      [&] { return Metric(scheduler.metrics_port(), "dapr_scheduler_sidecars_connected") == 1; }));
  CHECK(ServesOthers(&client, &other, "other"));
}

// Sends bytes to a port, as far as it takes them, and goes away.
void Send(uint16_t port, const std::string& bytes) {
  boost::asio::io_context io;
  boost::asio::ip::tcp::socket socket(io);
  boost::system::error_code error;
  socket.connect({boost::asio::ip::address_v4::loopback(), port}, error);
  REQUIRE_FALSE(error);
  boost::asio::write(socket, boost::asio::buffer(bytes), error);
}

TEST_CASE("garbage on any port ends its connection and nothing else") {
  SchedulerProcess scheduler;
  SchedulerClient client(scheduler.address());
  Watcher other(scheduler.address(), WatchApp("other"));
  const std::string preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
  std::string noise;
  for (uint32_t i = 0, x = 1; i < 100000; ++i) {
    x = x * 1664525 + 1013904223;
    noise += static_cast<char>(x >> 24);
  }
  const std::vector<std::string> garbage = {
      "",
      noise,
      std::string(1 << 20, '\0'),
      preface,
      preface + noise,
      // A settings frame whose length is a lie; a frame of an unknown type of the largest size.
      preface + std::string("\xff\xff\xff\x04\x00\x00\x00\x00\x00", 9) + noise,
      preface + std::string("\x00\x00\x00\x04\x00\x00\x00\x00\x00", 9) +
          std::string("\xff\xff\xff\x77\xff\xff\xff\xff\xff", 9) + noise,
      // A greeting of TLS.
      std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11) + noise,
      "GET /healthz HTTP/1.1\r\n",
      "GET /" + std::string(100000, 'a') + " HTTP/1.1\r\n\r\n",
      "POST /metrics HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n" + noise,
      "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n" +
          noise,
      "\r\n\r\n\r\n\r\n",
  };
  for (const uint16_t port :
       {scheduler.port(), scheduler.healthz_port(), scheduler.metrics_port()}) {
    for (const std::string& bytes : garbage) Send(port, bytes);
  }
  CHECK(ServesOthers(&client, &other, "other"));
  for (const char* path : {"/healthz", "/readyz", "/livez"}) {
    CHECK(Http(scheduler.healthz_port(), "GET", path).status == 200);
  }
  CHECK(Metric(scheduler.metrics_port(), "process_open_fds") > 0);
  CHECK_FALSE(scheduler.process().Wait(milliseconds(0)).has_value());
}

TEST_CASE("more connections than there are descriptors end only themselves") {
  constexpr unsigned kDescriptors = 200;
  SchedulerProcess scheduler;
  SidecarProcess sidecar({.scheduler = scheduler.address()});
  scheduler.process().Limit(RLIMIT_NOFILE, kDescriptors);
  sidecar.process().Limit(RLIMIT_NOFILE, kDescriptors);
  SchedulerClient client(scheduler.address());
  REQUIRE(client.Schedule("before", DueIn("1h")).ok());
  boost::asio::io_context io;
  std::vector<boost::asio::ip::tcp::socket> silent;
  for (const uint16_t port : {scheduler.port(), sidecar.grpc_port(), sidecar.http_port()}) {
    for (unsigned i = 0; i < 2 * kDescriptors; ++i) {
      silent.emplace_back(io).connect({boost::asio::ip::address_v4::loopback(), port});
    }
  }
  const auto is_told = [](const Process& process) {
    return Eventually([&] {
      return process.Output().find("too many for the process's limit") != std::string::npos;
    });
  };
  CHECK(is_told(scheduler.process()));
  CHECK(is_told(sidecar.process()));
  // Who is connected is served, and what needs files and other ports still has some.
  CHECK(client.Schedule("meanwhile", DueIn("1h")).ok());
  CHECK(Http(scheduler.healthz_port(), "GET", "/healthz").status == 200);
  silent.clear();
  CHECK(Eventually([&] { return sidecar.Http("GET", "/v1.0/healthz/outbound").status == 204; }));
  CHECK(Eventually(
      [&] { return SchedulerClient(scheduler.address()).Schedule("after", DueIn("1h")).ok(); }));
  CHECK(Eventually([&] {
    grpc::ClientContext context;
    dapr::proto::runtime::v1::GetJobRequest request;
    request.set_name("after");
    dapr::proto::runtime::v1::GetJobResponse response;
    return sidecar.stub().GetJob(&context, request, &response).error_code() == grpc::StatusCode::OK;
  }));
}

// Begins calls, and resets them at once or leaves them, as many as the server takes within `time`.
void BeginCalls(uint16_t port, const std::string& method, bool resets, milliseconds time) {
  constexpr char kCancel[] = "\0\0\0\x08";
  boost::asio::io_context io;
  boost::asio::ip::tcp::socket socket(io);
  boost::system::error_code error;
  socket.connect({boost::asio::ip::address_v4::loopback(), port}, error);
  std::string bytes = http2::kPreface + http2::Frame(http2::kSettings, 0, 0, "");
  uint32_t stream = 1;
  const auto end = steady_clock::now() + time;
  while (!error && steady_clock::now() < end) {
    for (int i = 0; i < 500; ++i, stream += 2) {
      bytes += http2::BeginCall(stream, method);
      if (!resets) continue;
      bytes += http2::Frame(http2::kResetStream, 0, stream, std::string(kCancel, 4));
    }
    boost::asio::write(socket, boost::asio::buffer(bytes), error);
    bytes.clear();
  }
  if (!error) std::this_thread::sleep_until(end);
}

TEST_CASE("calls that are reset or left as soon as they begin cost no memory, and others go on") {
  const bool resets = GENERATE(true, false);
  // What is begun until it is noticed; without that it is gigabytes.
  const size_t memory = size_t{resets ? 400U : 700U} << 20;
  SchedulerProcess scheduler;
  SidecarProcess sidecar({.scheduler = scheduler.address()});
  SchedulerClient client(scheduler.address());
  Watcher other(scheduler.address(), WatchApp("other"));
  const std::vector<std::pair<uint16_t, std::string>> methods = {
      {scheduler.port(), "/dapr.proto.scheduler.v1.Scheduler/ScheduleJob"},
      {scheduler.port(), "/dapr.proto.scheduler.v1.Scheduler/WatchJobs"},
      {scheduler.port(), "/no.such/Method"},
      {sidecar.grpc_port(), "/dapr.proto.runtime.v1.Dapr/GetJob"},
      {sidecar.grpc_port(), "/no.such/Method"}};
  for (const auto& [port, method] : methods) {
    INFO(method);
    std::vector<std::thread> attackers;
    for (int i = 0; i < (resets ? 1 : 4); ++i) {
      attackers.emplace_back([port = port, &method = method, resets] {
        BeginCalls(port, method, resets, milliseconds(1500));
      });
    }
    CHECK(ServesOthers(&client, &other, "other"));
    CHECK(sidecar.Http("GET", "/v1.0/healthz/outbound").status == 204);
    for (std::thread& attacker : attackers) attacker.join();
  }
  CHECK(scheduler.process().PeakSoFar() < memory);
  CHECK(sidecar.process().PeakSoFar() < memory);
}

// The beginning of a connection on which a call begins to send a message of a mebibyte, and stops
// at what may be sent before the server asks for more.
std::string BeginningOfCall() {
  std::string bytes = http2::kPreface + http2::Frame(http2::kSettings, 0, 0, "") +
                      http2::BeginCall(1, "/dapr.proto.scheduler.v1.Scheduler/ScheduleJob") +
                      http2::Frame(http2::kData, 0, 1, http2::MessageHead(1 << 20));
  for (int i = 0; i < 4; ++i) {
    bytes += http2::Frame(http2::kData, 0, 1, std::string(16000, 'x'));
  }
  return bytes;
}

// A connection that sends BeginningOfCall and nothing more.
class BegunCall {
 public:
  BegunCall(boost::asio::io_context* io, uint16_t port) : socket_(*io) {
    boost::system::error_code error;
    socket_.connect({boost::asio::ip::address_v4::loopback(), port}, error);
    REQUIRE_FALSE(error);
    socket_.non_blocking(true);
    static const std::string bytes = BeginningOfCall();
    sent_ = boost::asio::write(socket_, boost::asio::buffer(bytes), error);
    REQUIRE(sent_ == bytes.size());
  }

  // Whether the server has ended the call.
  bool IsEnded() {
    boost::system::error_code error;
    char buffer[4096];
    while (!error) {
      const size_t size = socket_.read_some(boost::asio::buffer(buffer), error);
      answer_.append(buffer, size);
    }
    const std::string reset("\x00\x00\x04\x03\x00\x00\x00\x00\x01", 9);
    return answer_.find(reset) != std::string::npos;
  }

 private:
  boost::asio::ip::tcp::socket socket_;
  size_t sent_ = 0;
  std::string answer_;
};

TEST_CASE("calls that begin large requests and never end them do not fill the memory") {
  SchedulerProcess scheduler({.flags = {"--max-received-bytes=16MiB", "--keepalive-time=1h"}});
  SchedulerClient client(scheduler.address());
  boost::asio::io_context io;
  std::vector<std::unique_ptr<BegunCall>> calls;
  // 51 MB of them.
  constexpr size_t kCalls = 800;
  for (size_t i = 0; i < kCalls; ++i) {
    calls.push_back(std::make_unique<BegunCall>(&io, scheduler.port()));
  }
  // gRPC counts its own overhead as well, so how many it ends differs from run to run.
  CHECK(Eventually([&] {
    return std::count_if(calls.begin(), calls.end(), [](auto& call) { return call->IsEnded(); }) >
           static_cast<std::ptrdiff_t>(kCalls / 4);
  }));
  calls.clear();
  // Its own connection may have been ended as well.
  CHECK(Eventually([&] { return client.Schedule("j", DueIn("1h")).ok(); }));
}

TEST_CASE("a connection that is open on one side only is found, and its triggers go elsewhere") {
  SchedulerProcess scheduler(
      {.port = 0, .flags = {"--keepalive-time=300ms", "--keepalive-timeout=500ms"}});
  SchedulerClient client(scheduler.address());
  SilentProxy proxy(scheduler.port());
  Watcher cut_off(proxy.address(), WatchApp("app"));
  REQUIRE(client.Schedule("job", WithDrop(DueIn("0s"))).ok());
  REQUIRE(cut_off.Next().has_value());
  Watcher other(scheduler.address(), WatchApp("app"));
  CHECK_FALSE(other.Next(kQuietTime).has_value());
  proxy.FallSilent();
  const auto begin = steady_clock::now();
  const auto trigger = other.Next();
  REQUIRE(trigger.has_value());
  CHECK(trigger->name() == "job");
  CHECK(steady_clock::now() - begin < seconds(3));
  other.Answer(trigger->id());
  CHECK(Eventually([&] { return client.Names().empty(); }));
  CHECK(Metric(scheduler.metrics_port(), "dapr_scheduler_sidecars_connected") == 1);
}

}  // namespace
}  // namespace belfry::integration
