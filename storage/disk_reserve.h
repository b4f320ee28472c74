#pragma once

// DiskReserve: keeps a part of the disk free of new jobs, so that firing, answers and deletes go on
// when it fills up.
//
// New jobs are admitted while at least the reserve stays free after they are written. Free space is
// measured every kDiskMeasureInterval, or more often, on a thread of its own; what is written
// between two measurements is counted, so that a burst does not run past the reserve. When free
// space falls far below it, the ballast is given up: then somebody else fills the disk, and it is
// all that is left to write answers to. When space returns, first the ballast is made again, then
// new jobs are admitted.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "scheduler/base/mutex.h"
#include "storage/ballast.h"

namespace belfry {

// What new jobs leave free unless told otherwise: so much, but no more than this part of the disk.
inline constexpr uint64_t kDiskReserveBytes = uint64_t{256} << 20;
inline constexpr uint64_t kDiskReserveFraction = 20;
// The ballast: so much, but no more than this part of the reserve. A start needs space for the
// changes in memory that a crash left in the log, so it is more than those may be.
inline constexpr uint64_t kBallastBytesMax = uint64_t{64} << 20;
inline constexpr uint64_t kBallastFraction = 2;
// It is given up when less than this part of the reserve is free.
inline constexpr uint64_t kBallastFloorFraction = 4;
// New jobs are admitted again when this part of the reserve is free beyond it, so that refusing
// does not begin and end with every job. A job that takes more than that may be refused without
// refusing others.
inline constexpr uint64_t kDiskResumeFraction = 8;
// Table files are not rewritten where that would leave less than this part of the reserve.
inline constexpr uint64_t kCompactionFloorFraction = 2;
// Between two measurements of free space.
inline constexpr absl::Duration kDiskMeasureInterval = absl::Milliseconds(250);
// After jobs were refused: between two calls for space that deleted jobs still take.
inline constexpr absl::Duration kReclaimInterval = absl::Seconds(2);
// Such calls from the last refusal on.
inline constexpr int kReclaimCallsAfter = 10;
// And after so much of the reserve was written.
inline constexpr uint64_t kMeasureFraction = 16;
// What a written byte may take of the disk before it is measured: once in the log, once in a table.
inline constexpr uint64_t kDiskBytesPerByte = 2;

struct DiskSpace {
  uint64_t total_bytes = 0;
  // What this process may still write, without what is kept for the superuser.
  uint64_t free_bytes = 0;
};

using SpaceSource = std::function<absl::StatusOr<DiskSpace>()>;

// The space of the file system that holds `directory`. An error names it.
absl::StatusOr<DiskSpace> MeasureDiskSpace(const std::string& directory);

struct DiskReserveOptions {
  // nullopt: as kDiskReserveBytes and kDiskReserveFraction say. 0: nothing is refused.
  std::optional<uint64_t> bytes;
  // For tests: where the figures come from instead of the file system. May be called on any thread.
  SpaceSource measure = {};
  // If set, called on the thread that measures, every kReclaimInterval while jobs are being
  // refused: gives back what is no longer needed, without waiting for it.
  std::function<void()> reclaim = {};
};

// Thread safety: all methods may be called from any thread, except Measure, which belongs to the
// owner until Start, and to the thread afterwards.
class DiskReserve {
 public:
  // What operators are told.
  struct State {
    uint64_t free_bytes = 0;
    uint64_t reserve_bytes = 0;
    uint64_t ballast_bytes = 0;  // 0 while it is given up
    bool is_refusing = false;
    uint64_t refused_count = 0;  // jobs
  };

  // Measures once, and gives up or makes the ballast as needed. An error if `directory`, which must
  // exist, cannot be measured.
  static absl::StatusOr<std::unique_ptr<DiskReserve>> Open(const std::string& directory,
                                                           DiskReserveOptions options);
  ~DiskReserve();
  DiskReserve(const DiskReserve&) = delete;
  DiskReserve& operator=(const DiskReserve&) = delete;

  // Starts to measure regularly. Stop ends that; both belong to the owner.
  void Start();
  void Stop();

  // Whether new jobs of `bytes`, not written yet, leave the reserve free; ResourceExhausted, with
  // the figures, if not. Does not wait for the disk.
  absl::Status Admit(size_t bytes);

  // Counts what was written since the last measurement.
  void NoteWritten(size_t bytes);

  // Gives up the ballast if `bytes` would not fit without: others may fill a disk faster than it is
  // measured. Measures while there is a ballast; whether there still is one.
  bool MakeRoomToWrite(size_t bytes);
  // Gives up the ballast, as the disk turned out to be full.
  void GiveUpBallast();

  // Whether `bytes` may go into a table file that is being rewritten. Measures.
  bool HasRoomToCompact(size_t bytes) const;

  // Whether less than the reserve was free at the last measurement.
  bool is_short() const { return free_bytes_ < reserve_bytes_; }

  // Of the file system, at Open.
  uint64_t total_bytes() const { return total_bytes_; }

  State state() const;

  // One measurement with what follows from it. What the thread repeats.
  void Measure();

 private:
  DiskReserve(const std::string& directory, uint64_t total_bytes, uint64_t reserve_bytes,
              DiskReserveOptions options);

  void MeasureThreadMain();
  void CallForSpace();
  // Asks for a measurement before the interval is over.
  void Wake();
  uint64_t FreeAfterWriting(size_t bytes) const;
  uint64_t BallastFloor() const { return reserve_bytes_ / kBallastFloorFraction; }
  uint64_t ResumeBytes() const { return reserve_bytes_ + reserve_bytes_ / kDiskResumeFraction; }
  // Gives up or makes the ballast; whether that changed what is free.
  bool AdjustBallast(uint64_t free_bytes);
  absl::Status EmptyBallast(uint64_t free_bytes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(ballast_mutex_);
  void GiveUpBallast(uint64_t free_bytes);
  void SetRefusing(bool refusing, uint64_t free_bytes);

  const uint64_t total_bytes_;
  const uint64_t reserve_bytes_;
  const uint64_t ballast_bytes_;
  const SpaceSource measure_;
  const std::function<void()> reclaim_;

  Mutex ballast_mutex_;
  Ballast ballast_ ABSL_GUARDED_BY(ballast_mutex_);

  // Measure's own.
  bool ballast_failed_ = false;
  bool measure_failed_ = false;
  int64_t measurements_ = 0;             // since the last call for space
  uint64_t refused_when_reclaimed_ = 0;  // jobs, at that call
  int calls_left_ = 0;

  std::atomic<uint64_t> free_bytes_{0};
  std::atomic<uint64_t> written_bytes_{0};  // since the last measurement
  std::atomic<bool> has_ballast_{false};
  std::atomic<bool> refusing_{false};
  std::atomic<uint64_t> refused_count_{0};

  Mutex mutex_;
  CondVar changed_{&mutex_};  // signalled by Wake and Stop
  bool woken_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace belfry
