#pragma once

// Disk: the part of a machine that outlives its processes.

#include <memory>

#include "absl/status/status.h"
#include "scheduler/store/store.h"
#include "storage/memory_store.h"

namespace belfry::sim {

class Disk {
 public:
  virtual ~Disk() = default;

  // The open store. REQUIRES: Open succeeded and nothing ended it since.
  virtual Store& store() = 0;
  virtual absl::Status Open() = 0;
  // At this moment the process is killed, or the power fails: nothing is written from now on.
  virtual void Fail(bool power_lost) = 0;
  // Clears up after Fail, once nobody uses the store any more.
  virtual void Close() = 0;
};

class MemoryDisk final : public Disk {
 public:
  Store& store() override { return store_; }
  absl::Status Open() override { return absl::OkStatus(); }
  void Fail(bool power_lost) override { power_lost_ = power_lost; }
  void Close() override {
    if (power_lost_) store_.LosePower();
    power_lost_ = false;
  }

 private:
  MemoryStore store_;
  bool power_lost_ = false;
};

}  // namespace belfry::sim
