#pragma once

// Metrics that are looked up rather than counted: of the process, and of its data directory.

#include <functional>
#include <string>
#include <vector>

#include "prometheus/metric_family.h"
#include "storage/disk_reserve.h"

namespace belfry::server {

// What the system tells of this process, under the names that Prometheus' own clients use:
// processor time, memory, open files and the time of its start. What cannot be read is left out.
// Any thread may call this.
std::vector<prometheus::MetricFamily> ProcessMetrics();

// Bytes of the files in `directory` and below. Files that go away meanwhile count or not; 0 if
// there is no such directory.
double DirectoryBytes(const std::string& directory);

// The store, under names of our own and under the two names of etcd that dashboards and checks of
// Dapr's scheduler look at. `leads` is whether the scheduler fires jobs.
std::vector<prometheus::MetricFamily> StoreMetrics(double bytes, bool leads);

// Space on the disk of the data directory, and what became of it.
std::vector<prometheus::MetricFamily> DiskMetrics(const DiskReserve::State& state);

}  // namespace belfry::server
