#pragma once

// RocksDbDisk: a RocksDbStore in a temporary directory, over files that a power cut damages.

#include <memory>

#include "rocksdb/env.h"
#include "storage/rocksdb_store.h"
#include "tests/sim/disk.h"
#include "tests/support/hasty_env.h"
#include "tests/support/power_loss_file_system.h"
#include "tests/support/temp_dir.h"

namespace belfry::sim {

class RocksDbDisk final : public Disk {
 public:
  explicit RocksDbDisk(uint64_t seed)
      : files_(std::make_shared<PowerLossFileSystem>(seed)),
        patient_env_(rocksdb::NewCompositeEnv(files_)),
        env_(patient_env_.get()) {}

  Store& store() override { return *store_; }

  absl::Status Open() override {
    auto opened = RocksDbStore::Open({directory_ / "data", &env_});
    if (!opened.ok()) return opened.status();
    store_ = *std::move(opened);
    return absl::OkStatus();
  }

  void Fail(bool power_lost) override {
    power_lost_ = power_lost;
    files_->Freeze();
  }

  void Close() override {
    store_.reset();
    files_->Thaw(power_lost_);
  }

 private:
  TempDir directory_;
  const std::shared_ptr<PowerLossFileSystem> files_;
  const std::unique_ptr<rocksdb::Env> patient_env_;
  HastyEnv env_;
  std::unique_ptr<RocksDbStore> store_;
  bool power_lost_ = false;
};

}  // namespace belfry::sim
