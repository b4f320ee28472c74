#pragma once

// HastyEnv: RocksDB's environment with a clock on which it need not wait.

#include <algorithm>
#include <memory>

#include "rocksdb/env.h"
#include "rocksdb/system_clock.h"

namespace belfry {

// The machine's time, for a RocksDB that need not wait: its threads sleep for a second after an
// error, such as those that a dying disk gives them.
class HastyClock final : public rocksdb::SystemClockWrapper {
 public:
  HastyClock() : SystemClockWrapper(rocksdb::SystemClock::Default()) {}
  const char* Name() const override { return "HastyClock"; }
  void SleepForMicroseconds(int micros) override {
    SystemClockWrapper::SleepForMicroseconds(std::min(micros, 100));
  }
};

// Another environment with that clock.
class HastyEnv final : public rocksdb::EnvWrapper {
 public:
  // `below` is borrowed.
  explicit HastyEnv(rocksdb::Env* below) : EnvWrapper(below) {
    system_clock_ = std::make_shared<HastyClock>();
  }
  const char* Name() const override { return "HastyEnv"; }
};

}  // namespace belfry
