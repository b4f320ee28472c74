// Workloads http-schedule and http-burst.

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include "boost/asio/awaitable.hpp"
#include "boost/asio/co_spawn.hpp"
#include "boost/asio/connect.hpp"
#include "boost/asio/detached.hpp"
#include "boost/asio/io_context.hpp"
#include "boost/asio/ip/tcp.hpp"
#include "boost/asio/redirect_error.hpp"
#include "boost/asio/use_awaitable.hpp"
#include "boost/beast/core/flat_buffer.hpp"
#include "boost/beast/http.hpp"
#include "fmt/format.h"
#include "tests/bench/clock.h"
#include "tests/bench/deliveries.h"
#include "tests/bench/http_answerer.h"
#include "tests/bench/schedule_load.h"
#include "tests/bench/session.h"
#include "tests/bench/workloads.h"

namespace belfry::bench {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;

constexpr char kJobsPath[] = "/v1.0-alpha1/jobs/";
constexpr char kDeliveryPath[] = "/job/";

// Keep-alive connections, each of which schedules one job after the other.
class HttpLoad {
 public:
  HttpLoad(const Options& options, const JobMaker* maker)
      : options_(options), maker_(maker), payload_(options.payload, 'x') {}

  absl::Status Run() {
    const size_t colon = options_.target.rfind(':');
    if (colon == std::string::npos) {
      return absl::InvalidArgumentError(
          fmt::format("--target \"{}\": host:port is wanted", options_.target));
    }
    boost::system::error_code error;
    tcp::resolver resolver(context_);
    endpoints_ = resolver.resolve(options_.target.substr(0, colon),
                                  options_.target.substr(colon + 1), error);
    if (error) {
      return absl::UnavailableError(
          fmt::format("--target \"{}\": {}", options_.target, error.message()));
    }
    began_ns_ = MonotonicNs();
    stop_at_ns_ = began_ns_ + SecondsToNs(options_.duration_s);
    for (int i = 0; i < options_.in_flight; ++i) {
      asio::co_spawn(context_, Client(), asio::detached);
    }
    context_.run_for(std::chrono::nanoseconds(SecondsToNs(options_.duration_s) +
                                              SecondsToNs(options_.timeout_s)));
    result_.seconds = static_cast<double>(last_ns_ - began_ns_) / static_cast<double>(kNsPerSecond);
    return absl::OkStatus();
  }

  const ScheduleLoad::Result& result() const { return result_; }

 private:
  void Failed(const std::string& why) {
    if (result_.errors++ == 0) result_.first_error = why;
  }

  void NextRequest(http::request<http::string_body>* request) {
    const uint64_t number = next_++;
    request->method(http::verb::post);
    request->target(kJobsPath + maker_->Name({number, 0}));
    request->version(11);
    request->set(http::field::host, options_.target);
    request->set(http::field::content_type, "application/json");
    request->body() = fmt::format(
        R"({{"dueTime":"24h","data":{{"@type":"type.googleapis.com/google.protobuf.StringValue",)"
        R"("value":"{}"}}}})",
        payload_);
    request->prepare_payload();
  }

  asio::awaitable<void> Client() {
    tcp::socket socket(context_);
    boost::system::error_code error;
    const auto token = [&] { return asio::redirect_error(asio::use_awaitable, error); };
    co_await asio::async_connect(socket, endpoints_, token());
    if (error) co_return Failed("connect: " + error.message());
    socket.set_option(tcp::no_delay(true), error);
    boost::beast::flat_buffer buffer;
    http::request<http::string_body> request;
    while (MonotonicNs() < stop_at_ns_) {
      NextRequest(&request);
      http::response<http::string_body> response;
      const int64_t began = MonotonicNs();
      co_await http::async_write(socket, request, token());
      if (!error) co_await http::async_read(socket, buffer, response, token());
      if (error) co_return Failed(error.message());
      last_ns_ = MonotonicNs();
      result_.latency.Record(last_ns_ - began);
      if (response.result_int() / 100 == 2) {
        ++result_.ok;
      } else {
        Failed(fmt::format("status {}: {}", response.result_int(), response.body()));
      }
    }
  }

  const Options& options_;
  const JobMaker* const maker_;
  const std::string payload_;
  asio::io_context context_{1};
  tcp::resolver::results_type endpoints_;
  int64_t began_ns_ = 0;
  int64_t stop_at_ns_ = 0;
  int64_t last_ns_ = 0;
  uint64_t next_ = 0;
  ScheduleLoad::Result result_;
};

}  // namespace

absl::StatusOr<boost::json::object> RunHttpSchedule(const Options& options) {
  const JobMaker maker(options, options.app_id);
  HttpLoad load(options, &maker);
  const UsageMeter meter(options.pid, options.data_dir);
  if (absl::Status status = load.Run(); !status.ok()) return status;
  boost::json::object line;
  line["workload"] = "http-schedule";
  line["in_flight"] = options.in_flight;
  meter.Report(&line);
  ReportCalls(load.result(), "schedule", &line);
  return line;
}

absl::StatusOr<boost::json::object> RunHttpBurst(const Options& options) {
  if (options.jobs == 0) return absl::InvalidArgumentError("--jobs 0: at least one is needed");
  auto opened = Session::Open(options, "http-burst");
  if (!opened.ok()) return opened.status();
  Session& run = **opened;
  Deliveries deliveries(&run.maker(), options.jobs, 0);
  const auto app = HttpAnswerer::Start(options.app_port, 200, [&](std::string_view target) {
    if (target.starts_with(kDeliveryPath)) {
      deliveries.Record(target.substr(sizeof(kDeliveryPath) - 1));
    }
  });
  if (!app.ok()) return app.status();
  const int64_t due_monotonic = MonotonicNs() + SecondsToNs(options.lead_s);
  const int64_t due_us = (WallNs() + due_monotonic - MonotonicNs()) / kNsPerUs;
  ScheduleLoad load(&run, [due_us](uint64_t) { return due_us; });
  const ScheduleLoad::Result stored = load.RunClosed(0, options.jobs, options.in_flight, 0);
  if (stored.errors > 0 || MonotonicNs() > due_monotonic) {
    return absl::InternalError(
        fmt::format("storing {} jobs: {} errors, {:.1f} s (--lead {:.1f}) {}", options.jobs,
                    stored.errors, stored.seconds, options.lead_s, stored.first_error));
  }
  SleepUntil(due_monotonic);
  run.BeginMeter();
  const bool all = deliveries.WaitFor(options.jobs, SecondsToNs(options.timeout_s));
  const DeliveryCounts counts = deliveries.counts();
  run.EndMeter();
  boost::json::object& line = run.line();
  const double seconds =
      static_cast<double>(counts.last_ns - due_monotonic) / static_cast<double>(kNsPerSecond);
  line["jobs"] = options.jobs;
  line["received"] = counts.received;
  line["duplicates"] = counts.duplicates;
  line["early"] = counts.early;
  line["errors"] = all ? 0 : 1;
  line["last_handler_s"] = seconds;
  line["per_s"] = static_cast<double>(counts.received) / seconds;
  line["lateness_ms"] = ToMilliseconds(counts.lateness);
  return line;
}

}  // namespace belfry::bench
