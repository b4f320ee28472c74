#pragma once

// SimStore: a store that asks before each call whether it may be made, and tells when it was, so
// that a run can put writes off, end the process in the middle of anything, or let other threads of
// the scheduler have their turn while one of them reads.
// Not thread-safe: a run has one thread.

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "scheduler/base/status_macros.h"
#include "scheduler/store/store.h"

namespace belfry::sim {

enum class StoreCall { kWrite, kSync, kRead, kSnapshot };

class SimStore final : public Store {
 public:
  class Host {
   public:
    virtual ~Host() = default;
    // An error is returned to the caller in place of the call's result, with nothing done.
    virtual absl::Status BeforeCall(StoreCall call) = 0;
    // The call was made. An error is returned in place of the call's result.
    virtual absl::Status AfterCall(StoreCall call) = 0;
  };

  // `host` is borrowed; so is the store below, which may change while no call is running.
  explicit SimStore(Host* host) : host_(host) {}
  void set_inner(Store* inner) { inner_ = inner; }
  void set_write_pressure(WritePressure pressure) { pressure_ = pressure; }

  absl::Status Write(const Batch& batch) override {
    RETURN_IF_ERROR(host_->BeforeCall(StoreCall::kWrite));
    RETURN_IF_ERROR(inner_->Write(batch));
    return host_->AfterCall(StoreCall::kWrite);
  }

  absl::Status Sync() override {
    RETURN_IF_ERROR(host_->BeforeCall(StoreCall::kSync));
    RETURN_IF_ERROR(inner_->Sync());
    return host_->AfterCall(StoreCall::kSync);
  }

  absl::StatusOr<std::optional<std::string>> Get(
      Table table, std::string_view key, const Snapshot* snapshot = nullptr) const override {
    RETURN_IF_ERROR(host_->BeforeCall(StoreCall::kRead));
    auto value = inner_->Get(table, key, snapshot);
    RETURN_IF_ERROR(host_->AfterCall(StoreCall::kRead));
    return value;
  }

  absl::Status Scan(const KeyRange& range, const Visitor& visitor,
                    const Snapshot* snapshot = nullptr) const override {
    RETURN_IF_ERROR(host_->BeforeCall(StoreCall::kRead));
    RETURN_IF_ERROR(inner_->Scan(range, visitor, snapshot));
    return host_->AfterCall(StoreCall::kRead);
  }

  std::unique_ptr<Snapshot> TakeSnapshot() const override {
    auto snapshot = inner_->TakeSnapshot();
    host_->AfterCall(StoreCall::kSnapshot).IgnoreError();
    return snapshot;
  }

  WritePressure write_pressure() const override { return pressure_; }

  absl::Status AdmitNewJobs(size_t bytes) override { return inner_->AdmitNewJobs(bytes); }

 private:
  Host* const host_;
  Store* inner_ = nullptr;
  WritePressure pressure_ = WritePressure::kNone;
};

}  // namespace belfry::sim
