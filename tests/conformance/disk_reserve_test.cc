// The disk reserve over a disk that is made up, and ballast files that are real.

#include "storage/disk_reserve.h"

#include <sys/stat.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "storage/rocksdb_store.h"
#include "tests/conformance/stores.h"

namespace belfry {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kMiB = uint64_t{1} << 20;
// A disk whose default reserve is 5 MiB, with a ballast of 2.5 MiB.
constexpr uint64_t kTotal = 100 * kMiB;
constexpr uint64_t kReserve = 5 * kMiB;
constexpr uint64_t kBallast = kReserve / kBallastFraction;
constexpr uint64_t kBallastFloor = kReserve / kBallastFloorFraction;
// Free bytes at which new jobs are taken again.
constexpr uint64_t kResume = kReserve + kReserve / kDiskResumeFraction;

// A disk with so much free space as a test says, less what the ballast takes.
class FakeDisk {
 public:
  absl::StatusOr<DiskSpace> Measure() const {
    if (is_broken) return absl::InternalError("no such disk");
    const uint64_t ballast = ballast_size();
    return DiskSpace{kTotal, free > ballast ? free - ballast : 0};
  }
  std::unique_ptr<DiskReserve> Open(std::optional<uint64_t> bytes = std::nullopt) {
    auto reserve = DiskReserve::Open(dir.path(), {bytes, [this] { return Measure(); }});
    RequireOk(reserve.status());
    return std::move(reserve).value();
  }
  uint64_t ballast_size() const {
    std::error_code error;
    const uint64_t size = fs::file_size(ballast(), error);
    return error ? 0 : size;
  }
  std::string ballast() const { return dir / "belfry.ballast"; }

  TempDir dir;
  uint64_t free = kTotal;
  bool is_broken = false;
};

bool Admits(DiskReserve& reserve, size_t bytes = 1) { return reserve.Admit(bytes).ok(); }

TEST_CASE("the default reserve is a part of a small disk and no more of a large one", "[reserve]") {
  TempDir dir;
  const auto reserve_of = [&](uint64_t total) {
    auto reserve = DiskReserve::Open(dir.path(), {{}, [total] {
                                                    return DiskSpace{total, total / 2};
                                                  }});
    RequireOk(reserve.status());
    return (*reserve)->state().reserve_bytes;
  };
  REQUIRE(reserve_of(100 * kMiB) == 5 * kMiB);
  REQUIRE(reserve_of(uint64_t{1} << 40) == kDiskReserveBytes);
  REQUIRE_FALSE(DiskReserve::Open(dir / "absent", {}).ok());
  // The machine's own disk.
  auto real = DiskReserve::Open(dir.path(), {});
  RequireOk(real.status());
  REQUIRE((*real)->state().free_bytes > 0);
  REQUIRE((*real)->total_bytes() > (*real)->state().free_bytes);
}

TEST_CASE("new jobs are refused below the reserve, and taken again well above it", "[reserve]") {
  FakeDisk disk;
  const auto reserve = disk.Open();
  REQUIRE(Admits(*reserve));
  REQUIRE_FALSE(reserve->state().is_refusing);

  disk.free = kReserve + kBallast - 1;
  reserve->Measure();
  REQUIRE(reserve->state().is_refusing);
  const absl::Status refused = reserve->Admit(1);
  REQUIRE(absl::IsResourceExhausted(refused));
  const std::string message(refused.message());
  INFO(message);
  REQUIRE(message.find("database space exceeded") != std::string::npos);
  REQUIRE(message.find(std::to_string(kReserve - 1)) != std::string::npos);
  REQUIRE(message.find(std::to_string(kReserve)) != std::string::npos);
  REQUIRE(reserve->state().refused_count == 1);

  disk.free = kResume + kBallast - 1;
  reserve->Measure();
  REQUIRE_FALSE(Admits(*reserve));
  disk.free = kResume + kBallast;
  reserve->Measure();
  REQUIRE(Admits(*reserve));
  REQUIRE(reserve->state().refused_count == 2);
  REQUIRE_FALSE(reserve->state().is_refusing);
}

TEST_CASE("what was written since the last measurement counts", "[reserve]") {
  FakeDisk disk;
  disk.free = kReserve + kBallast + 10 * kMiB;
  const auto reserve = disk.Open();
  reserve->NoteWritten(3 * kMiB);
  REQUIRE(Admits(*reserve));
  reserve->NoteWritten(3 * kMiB);
  REQUIRE_FALSE(Admits(*reserve));
  REQUIRE_FALSE(reserve->state().is_refusing);
  // There was more room than was feared.
  reserve->Measure();
  REQUIRE(Admits(*reserve));
}

TEST_CASE("a job that is too large is refused, and smaller ones are taken", "[reserve]") {
  FakeDisk disk;
  disk.free = kReserve + kBallast + 10 * kMiB;
  const auto reserve = disk.Open();
  REQUIRE_FALSE(Admits(*reserve, 6 * kMiB));
  REQUIRE_FALSE(reserve->state().is_refusing);
  REQUIRE(Admits(*reserve, 4 * kMiB));
}

TEST_CASE("refusing does not begin and end with every job that is a little too large",
          "[reserve]") {
  FakeDisk disk;
  const auto reserve = disk.Open();
  const uint64_t beyond = kResume - kReserve;
  for (uint64_t bytes = kMiB / 64; bytes <= kMiB; bytes += kMiB / 64) {
    disk.free = kReserve + kBallast + kDiskBytesPerByte * bytes - 1;
    reserve->Measure();
    REQUIRE_FALSE(reserve->state().is_refusing);
    REQUIRE_FALSE(Admits(*reserve, bytes));
    const bool refuses_all = kDiskBytesPerByte * bytes <= beyond;
    REQUIRE(reserve->state().is_refusing == refuses_all);
    REQUIRE(Admits(*reserve) == !refuses_all);
    reserve->Measure();
    REQUIRE(reserve->state().is_refusing == refuses_all);
    disk.free = kTotal;
    reserve->Measure();
  }
}

TEST_CASE("the first job that does not fit is followed by no other", "[reserve]") {
  FakeDisk disk;
  const auto reserve = disk.Open();
  REQUIRE(disk.ballast_size() == kBallast);
  disk.free = kReserve + kBallast + 1000;
  reserve->Measure();
  REQUIRE(Admits(*reserve, 500));
  REQUIRE_FALSE(Admits(*reserve, 501));
  REQUIRE_FALSE(Admits(*reserve, 1));
  reserve->Measure();
  REQUIRE(reserve->state().is_refusing);
}

TEST_CASE("the ballast is given up when others fill the disk, and made again first", "[reserve]") {
  FakeDisk disk;
  const auto reserve = disk.Open();
  REQUIRE(disk.ballast_size() == kBallast);
  struct stat status {};
  REQUIRE(::stat(disk.ballast().c_str(), &status) == 0);
  REQUIRE(static_cast<uint64_t>(status.st_blocks) * 512 >= kBallast);

  disk.free = kBallast + kBallastFloor;
  reserve->Measure();
  REQUIRE(disk.ballast_size() == kBallast);
  disk.free = kBallast + kBallastFloor - 1;
  reserve->Measure();
  REQUIRE(disk.ballast_size() == 0);
  REQUIRE(reserve->state().ballast_bytes == 0);
  REQUIRE(reserve->state().free_bytes == disk.free);
  REQUIRE_FALSE(Admits(*reserve));

  // Enough for new jobs, but not for the ballast too.
  disk.free = kResume + kBallast - 1;
  reserve->Measure();
  REQUIRE(disk.ballast_size() == 0);
  REQUIRE_FALSE(Admits(*reserve));

  disk.free = kResume + kBallast;
  reserve->Measure();
  REQUIRE(disk.ballast_size() == kBallast);
  REQUIRE(reserve->state().ballast_bytes == kBallast);
  REQUIRE(Admits(*reserve));
}

TEST_CASE("a start on a full disk gives up the ballast of the last run", "[reserve]") {
  FakeDisk disk;
  disk.Open().reset();
  REQUIRE(disk.ballast_size() == kBallast);
  disk.free = kBallast + 1;
  disk.Open();
  REQUIRE(disk.ballast_size() == 0);
}

TEST_CASE("a ballast of another size is not left over", "[reserve]") {
  FakeDisk disk;
  disk.Open().reset();
  disk.Open(8 * kMiB);
  REQUIRE(disk.ballast_size() == 4 * kMiB);
  disk.free = 3 * kMiB;
  disk.Open(4 * kMiB);
  REQUIRE(disk.ballast_size() == 0);
}

TEST_CASE("a ballast that cannot be made keeps nobody out", "[reserve]") {
  FakeDisk disk;
  fs::create_directory(disk.ballast());
  const auto reserve = disk.Open();
  REQUIRE(Admits(*reserve));
  REQUIRE(reserve->state().ballast_bytes == 0);
  disk.free = kReserve - 1;
  reserve->Measure();
  REQUIRE_FALSE(Admits(*reserve));
  disk.free = kTotal;
  reserve->Measure();
  REQUIRE(Admits(*reserve));
}

TEST_CASE("without a reserve nothing is refused and nothing held", "[reserve]") {
  FakeDisk disk;
  disk.Open().reset();
  const auto reserve = disk.Open(0);
  disk.free = 0;
  reserve->Measure();
  REQUIRE(Admits(*reserve, kTotal));
  REQUIRE(disk.ballast_size() == 0);
  REQUIRE_FALSE(reserve->state().is_refusing);
}

TEST_CASE("a disk that cannot be measured leaves things as they are", "[reserve]") {
  FakeDisk disk;
  const auto reserve = disk.Open();
  disk.is_broken = true;
  reserve->Measure();
  REQUIRE(Admits(*reserve));
  REQUIRE(reserve->HasRoomToCompact(1));
}

TEST_CASE("table files are rewritten only above their floor", "[reserve]") {
  FakeDisk disk;
  const auto reserve = disk.Open();
  disk.free = kBallast + kReserve / kCompactionFloorFraction + 1000;
  REQUIRE(reserve->HasRoomToCompact(1000));
  REQUIRE_FALSE(reserve->HasRoomToCompact(1001));
}

// Writes until several files are there that a compaction would join.
void WriteRounds(Store& store, int rounds) {
  const std::string value(size_t{32} << 10, 'v');
  for (int round = 0; round < rounds; ++round) {
    for (int i = 0; i < 100; ++i) {
      Batch batch;
      batch.Put(Table::kJobs, std::to_string(i), value + std::to_string(round));
      absl::Status status = store.Write(batch);
      while (absl::IsResourceExhausted(status)) status = store.Write(batch);
      RequireOk(status);
    }
    RequireOk(store.Sync());
  }
}

TEST_CASE("a store whose compactions find no room goes on writing", "[reserve]") {
  TempDir dir;
  std::atomic<uint64_t> free = 100 * kMiB;
  {
    auto store = RocksDbStore::Open(
        {.path = dir / "data",
         .reserve = DiskReserveOptions{std::nullopt, [&] {
                                         return DiskSpace{100 * kMiB, free.load()};
                                       }}});
    RequireOk(store.status());
    free = 1;
    WriteRounds(**store, 12);
    REQUIRE(absl::IsResourceExhausted((*store)->AdmitNewJobs(1)));
    free = 100 * kMiB;
    WriteRounds(**store, 12);
    REQUIRE(ReadRange(**store, {Table::kJobs, "", ""}).size() == 100);
  }
  auto store = RocksDbStore::Open({.path = dir / "data"});
  RequireOk(store.status());
  REQUIRE(ReadRange(**store, {Table::kJobs, "", ""}).size() == 100);
}

}  // namespace
}  // namespace belfry
