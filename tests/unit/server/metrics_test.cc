#include "server/metrics.h"

#include <filesystem>
#include <fstream>
#include <string>

#include <catch2/catch.hpp>

#include "server/process_metrics.h"
#include "tests/support/temp_dir.h"

namespace belfry::server {
namespace {

bool Has(const std::string& text, const std::string& line) {
  return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
}

// The value of a sample; fails the test if there is none.
double Value(const std::string& text, const std::string& series) {
  const std::size_t at = ("\n" + text).find("\n" + series + " ");
  INFO(series << " in\n" << text);
  REQUIRE(at != std::string::npos);
  return std::stod(text.substr(at + series.size() + 1));
}

TEST_CASE("nothing is told before there is something to tell") {
  const ServerMetrics metrics;
  CHECK(metrics.Text().empty());
}

TEST_CASE("records that were set aside are counted") {
  ServerMetrics metrics;
  metrics.RecordsQuarantined(2);
  metrics.RecordsQuarantined(1);
  CHECK(Has(metrics.Text(), "belfry_scheduler_quarantined_records_total 3"));
}

TEST_CASE("names, kinds and labels are those of the reference") {
  ServerMetrics metrics;
  for (const TargetKind kind : {TargetKind::kApp, TargetKind::kActor}) {
    metrics.JobCreated(kind);
    metrics.JobCreateFailed(kind);
    metrics.JobDeleted(kind);
    metrics.JobTriggered(kind, absl::Milliseconds(1));
    metrics.JobFailed(kind, absl::Milliseconds(1));
    metrics.JobUndelivered(kind);
  }
  metrics.BulkDeleted();
  metrics.SidecarConnected();
  metrics.SidecarFailed(SidecarError::kSendFailed);
  metrics.SidecarFailed(SidecarError::kReceiveFailed);
  metrics.SidecarFailed(SidecarError::kAuthFailed);

  const std::string text = metrics.Text();
  for (const std::string name :
       {"created", "created_failed", "deleted", "triggered", "failed", "undelivered"}) {
    const std::string series = "dapr_scheduler_jobs_" + name + "_total";
    INFO(series);
    CHECK(Has(text, "# TYPE " + series + " counter"));
    CHECK(Has(text, series + "{type=\"job\"} 1"));
    CHECK(Has(text, series + "{type=\"actor\"} 1"));
  }
  CHECK(Has(text, "# TYPE dapr_scheduler_jobs_bulk_deleted_total counter"));
  CHECK(Has(text, "dapr_scheduler_jobs_bulk_deleted_total 1"));
  CHECK(Has(text, "# TYPE dapr_scheduler_sidecars_connected gauge"));
  CHECK(Has(text, "dapr_scheduler_sidecars_connected 1"));
  CHECK(Has(text, "# TYPE dapr_scheduler_sidecar_errors_total counter"));
  for (const std::string reason : {"send_failed", "recv_failed", "auth_failed"}) {
    CHECK(Has(text, "dapr_scheduler_sidecar_errors_total{reason=\"" + reason + "\"} 1"));
  }
  CHECK(Has(text, "# TYPE dapr_scheduler_trigger_latency histogram"));
  CHECK(Has(text, "dapr_scheduler_trigger_latency_count{type=\"job\"} 2"));
}

TEST_CASE("a series appears with the first thing that it counts") {
  ServerMetrics metrics;
  metrics.JobCreated(TargetKind::kActor);
  const std::string text = metrics.Text();
  CHECK(Has(text, "dapr_scheduler_jobs_created_total{type=\"actor\"} 1"));
  CHECK(text.find("type=\"job\"") == std::string::npos);
  CHECK(text.find("dapr_scheduler_sidecars_connected") == std::string::npos);
}

TEST_CASE("a stream that has ended leaves its gauge at zero") {
  ServerMetrics metrics;
  metrics.SidecarConnected();
  metrics.SidecarDisconnected();
  CHECK(Has(metrics.Text(), "dapr_scheduler_sidecars_connected 0"));
}

TEST_CASE("latencies are counted in whole milliseconds and in the reference's buckets") {
  ServerMetrics metrics;
  metrics.JobTriggered(TargetKind::kApp, absl::Microseconds(100'999));
  metrics.JobFailed(TargetKind::kApp, absl::Seconds(7));
  const std::string text = metrics.Text();
  const std::string bucket = "dapr_scheduler_trigger_latency_bucket{type=\"job\",le=\"";
  CHECK(Has(text, bucket + "100\"} 1"));
  CHECK(Has(text, bucket + "500\"} 1"));
  CHECK(Has(text, bucket + "1000\"} 1"));
  CHECK(Has(text, bucket + "5000\"} 1"));
  CHECK(Has(text, bucket + "10000\"} 2"));
  CHECK(Has(text, bucket + "+Inf\"} 2"));
  CHECK(Value(text, "dapr_scheduler_trigger_latency_sum{type=\"job\"}") == 7100);
}

TEST_CASE("the process tells of itself") {
  ServerMetrics metrics;
  metrics.AddSource(ProcessMetrics);
  const std::string text = metrics.Text();
  CHECK(Has(text, "# TYPE process_cpu_seconds_total counter"));
  CHECK(Value(text, "process_resident_memory_bytes") > 1e6);
  CHECK(Value(text, "process_virtual_memory_bytes") >=
        Value(text, "process_resident_memory_bytes"));
  CHECK(Value(text, "process_open_fds") >= 3);
  CHECK(Value(text, "process_max_fds") >= Value(text, "process_open_fds"));
  // Later than 2020.
  CHECK(Value(text, "process_start_time_seconds") > 1.5e9);
}

TEST_CASE("the store is told under our name and under those of an etcd") {
  ServerMetrics metrics;
  metrics.AddSource([] { return StoreMetrics(4096, true); });
  const std::string text = metrics.Text();
  CHECK(Has(text, "# TYPE belfry_store_bytes gauge"));
  CHECK(Has(text, "belfry_store_bytes 4096"));
  CHECK(Has(text, "etcd_mvcc_db_total_size_in_bytes 4096"));
  CHECK(Has(text, "# TYPE etcd_server_has_leader gauge"));
  CHECK(Has(text, "etcd_server_has_leader 1"));
}

TEST_CASE("the disk is told with what is kept free on it and what was refused") {
  ServerMetrics metrics;
  metrics.AddSource([] {
    return DiskMetrics({.free_bytes = 1000,
                        .reserve_bytes = 2000,
                        .ballast_bytes = 0,
                        .is_refusing = true,
                        .refused_count = 3});
  });
  const std::string text = metrics.Text();
  CHECK(Has(text, "belfry_disk_free_bytes 1000"));
  CHECK(Has(text, "belfry_disk_reserve_bytes 2000"));
  CHECK(Has(text, "belfry_disk_ballast_bytes 0"));
  CHECK(Has(text, "belfry_disk_refusing 1"));
  CHECK(Has(text, "# TYPE belfry_disk_refused_jobs_total counter"));
  CHECK(Has(text, "belfry_disk_refused_jobs_total 3"));
}

TEST_CASE("the bytes of a directory are those of all files in and below it") {
  const TempDir dir;
  CHECK(DirectoryBytes(dir / "absent") == 0);
  CHECK(DirectoryBytes(dir / "") == 0);
  std::filesystem::create_directory(dir / "below");
  std::ofstream(dir / "a") << "12345";
  std::ofstream(std::string(dir / "below") + "/b") << "678";
  CHECK(DirectoryBytes(dir / "") == 8);
}

}  // namespace
}  // namespace belfry::server
