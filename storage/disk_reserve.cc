#include "storage/disk_reserve.h"

#include <sys/statvfs.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "scheduler/base/status_macros.h"
#include "spdlog/fmt/fmt.h"
#include "spdlog/spdlog.h"

namespace belfry {

absl::StatusOr<DiskSpace> MeasureDiskSpace(const std::string& directory) {
  struct statvfs status {};
  if (::statvfs(directory.c_str(), &status) != 0) {
    return absl::ErrnoToStatus(errno, fmt::format("cannot measure the disk of \"{}\"", directory));
  }
  return DiskSpace{uint64_t{status.f_blocks} * status.f_frsize,
                   uint64_t{status.f_bavail} * status.f_frsize};
}

absl::StatusOr<std::unique_ptr<DiskReserve>> DiskReserve::Open(const std::string& directory,
                                                               DiskReserveOptions options) {
  if (!options.measure) options.measure = [directory] { return MeasureDiskSpace(directory); };
  ASSIGN_OR_RETURN(const DiskSpace space, options.measure());
  const uint64_t reserve_bytes =
      options.bytes.value_or(std::min(kDiskReserveBytes, space.total_bytes / kDiskReserveFraction));
  std::unique_ptr<DiskReserve> reserve(
      new DiskReserve(directory, space.total_bytes, reserve_bytes, std::move(options)));
  reserve->Measure();
  return reserve;
}

DiskReserve::DiskReserve(const std::string& directory, uint64_t total_bytes, uint64_t reserve_bytes,
                         DiskReserveOptions options)
    : total_bytes_(total_bytes),
      reserve_bytes_(reserve_bytes),
      ballast_bytes_(std::min(kBallastBytesMax, reserve_bytes / kBallastFraction)),
      measure_(std::move(options.measure)),
      reclaim_(std::move(options.reclaim)),
      ballast_(directory, ballast_bytes_) {
  MutexLock lock(&ballast_mutex_);
  if (const absl::Status dropped = ballast_.DropOther(); !dropped.ok()) {
    spdlog::error("{}", dropped.ToString());
  }
}

DiskReserve::~DiskReserve() { Stop(); }

void DiskReserve::Stop() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
    changed_.SignalAll();
  }
  if (thread_.joinable()) thread_.join();
}

void DiskReserve::Start() {
  thread_ = std::thread([this] { MeasureThreadMain(); });
}

void DiskReserve::MeasureThreadMain() {
  for (;;) {
    {
      MutexLock lock(&mutex_);
      // A wait that ends too early measures too early, which does no harm.
      if (!stopping_ && !woken_) changed_.WaitFor(kDiskMeasureInterval);
      if (stopping_) return;
      woken_ = false;
    }
    Measure();
    CallForSpace();
  }
}

void DiskReserve::CallForSpace() {
  if (!reclaim_ || ++measurements_ < kReclaimInterval / kDiskMeasureInterval) return;
  measurements_ = 0;
  const uint64_t refused = refused_count_;
  const bool is_needed = refusing_ || refused != refused_when_reclaimed_;
  refused_when_reclaimed_ = refused;
  calls_left_ = is_needed ? kReclaimCallsAfter : std::max(calls_left_ - 1, 0);
  if (calls_left_ > 0) reclaim_();
}

void DiskReserve::Wake() {
  MutexLock lock(&mutex_);
  woken_ = true;
  changed_.Signal();
}

absl::Status DiskReserve::Admit(size_t bytes) {
  const bool fits = FreeAfterWriting(bytes) >= reserve_bytes_;
  if (reserve_bytes_ == 0 || (fits && !refusing_)) return absl::OkStatus();
  ++refused_count_;
  if (!refusing_) {
    // Others are refused too if even by the last measurement there is no room, unless the job is so
    // large that the next one would take them again.
    const uint64_t needed = kDiskBytesPerByte * bytes;
    const uint64_t free = free_bytes_;
    const bool is_large = needed > ResumeBytes() - reserve_bytes_;
    if (!is_large && free < reserve_bytes_ + needed) SetRefusing(true, free);
    Wake();
  }
  return absl::ResourceExhaustedError(fmt::format(
      "database space exceeded: {} bytes are free on the disk of the jobs, new ones must leave {} "
      "(--disk-reserve-bytes); delete jobs or make room on the disk",
      free_bytes_.load(), reserve_bytes_));
}

void DiskReserve::NoteWritten(size_t bytes) {
  const uint64_t written = written_bytes_ += bytes;
  // Counting fears the worst; near the reserve that would refuse jobs for which there is room.
  if (written > reserve_bytes_ / kMeasureFraction) Wake();
}

bool DiskReserve::HasRoomToCompact(size_t bytes) const {
  const absl::StatusOr<DiskSpace> space = measure_();
  // The file system itself will tell.
  if (!space.ok()) return true;
  return space->free_bytes >= bytes + reserve_bytes_ / kCompactionFloorFraction;
}

uint64_t DiskReserve::FreeAfterWriting(size_t bytes) const {
  const uint64_t taken = kDiskBytesPerByte * (written_bytes_ + bytes);
  const uint64_t free = free_bytes_;
  return free > taken ? free - taken : 0;
}

void DiskReserve::Measure() {
  // What is written meanwhile counts twice, rather than not at all.
  const uint64_t counted = written_bytes_.exchange(0);
  absl::StatusOr<DiskSpace> space = measure_();
  if (space.ok() && AdjustBallast(space->free_bytes)) space = measure_();
  if (!space.ok()) {
    written_bytes_ += counted;
    if (!std::exchange(measure_failed_, true)) {
      spdlog::error("free disk space is unknown error=\"{}\"", space.status().ToString());
    }
    return;
  }
  measure_failed_ = false;
  const uint64_t free = space->free_bytes;
  free_bytes_ = free;
  if (free < reserve_bytes_) return SetRefusing(true, free);
  if (free >= ResumeBytes() && (has_ballast_ || ballast_failed_)) SetRefusing(false, free);
}

bool DiskReserve::AdjustBallast(uint64_t free_bytes) {
  MutexLock lock(&ballast_mutex_);
  absl::Status status;
  if (ballast_.held() && free_bytes < BallastFloor()) {
    status = EmptyBallast(free_bytes);
  } else if (!ballast_.held() && free_bytes >= ResumeBytes() + ballast_bytes_) {
    status = ballast_.Make();
    if (status.ok() && ballast_bytes_ > 0) spdlog::info("ballast made bytes={}", ballast_bytes_);
  } else {
    has_ballast_ = ballast_.held();
    return false;
  }
  has_ballast_ = ballast_.held();
  // Without it new jobs are refused all the same.
  if (!status.ok() && !ballast_failed_) spdlog::error("{}", status.ToString());
  ballast_failed_ = !status.ok();
  return true;
}

absl::Status DiskReserve::EmptyBallast(uint64_t free_bytes) {
  spdlog::warn("the disk is nearly full, the ballast is given up free_bytes={} ballast_bytes={}",
               free_bytes, ballast_bytes_);
  const absl::Status status = ballast_.GiveUp();
  // Only now: whoever finds none must find its space.
  has_ballast_ = false;
  return status;
}

void DiskReserve::GiveUpBallast(uint64_t free_bytes) {
  MutexLock lock(&ballast_mutex_);
  if (!ballast_.held()) return;
  const absl::Status status = EmptyBallast(free_bytes);
  if (!status.ok()) spdlog::error("{}", status.ToString());
  SetRefusing(true, free_bytes);
}

void DiskReserve::GiveUpBallast() { GiveUpBallast(/*free_bytes=*/0); }

bool DiskReserve::MakeRoomToWrite(size_t bytes) {
  if (!has_ballast_ || ballast_bytes_ == 0) return false;
  const absl::StatusOr<DiskSpace> space = measure_();
  if (!space.ok() || space->free_bytes >= bytes + BallastFloor()) return true;
  GiveUpBallast(space->free_bytes);
  return false;
}

void DiskReserve::SetRefusing(bool refusing, uint64_t free_bytes) {
  if (refusing_.exchange(refusing) == refusing || reserve_bytes_ == 0) return;
  if (refusing) {
    spdlog::warn("new jobs are refused, the disk has little space left free_bytes={} reserve={}",
                 free_bytes, reserve_bytes_);
  } else {
    spdlog::info("new jobs are taken again, the disk has space free_bytes={} reserve={}",
                 free_bytes, reserve_bytes_);
  }
}

DiskReserve::State DiskReserve::state() const {
  return {free_bytes_, reserve_bytes_, has_ballast_ ? ballast_bytes_ : 0,
          reserve_bytes_ > 0 && refusing_, refused_count_};
}

}  // namespace belfry
