#include "storage/store_diary.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "rocksdb/env.h"
#include "tests/conformance/stores.h"

namespace belfry {
namespace {

namespace fs = std::filesystem;

std::string Read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string{std::istreambuf_iterator<char>(file), {}};
}

TEST_CASE("the diary keeps what RocksDB tells, and the diaries before it") {
  const TempDir dir;
  for (const char* line : {"first run", "second run"}) {
    const auto diary = BeginDiary(dir.path());
    rocksdb::Info(diary, "%s with %d", line, 7);
    rocksdb::Debug(diary, "too much detail");
    diary->Flush();
  }
  const std::string now = Read(dir / "LOG");
  CHECK_THAT(now, Catch::EndsWith("second run with 7\n"));
  CHECK_THAT(now, !Catch::Contains("first run"));
  CHECK_THAT(Read(dir / "LOG.1"), Catch::EndsWith("first run with 7\n"));
}

TEST_CASE("a line that is too long for the diary is cut") {
  const TempDir dir;
  const auto diary = BeginDiary(dir.path());
  rocksdb::Info(diary, "%s", std::string(size_t{1} << 20, 'x').c_str());
  diary->Flush();
  CHECK(fs::file_size(dir / "LOG") < 5000);
  CHECK(fs::file_size(dir / "LOG") > 4000);
}

TEST_CASE("the diaries have a limit") {
  const TempDir dir;
  const auto diary = BeginDiary(dir.path());
  const std::string line(4000, 'x');
  for (int i = 0; i < 6000; ++i) rocksdb::Info(diary, "%s", line.c_str());
  diary->Flush();
  size_t files = 0;
  for (const auto& entry : fs::directory_iterator(dir.path())) {
    CHECK(entry.file_size() <= kDiaryBytesMax);
    ++files;
  }
  CHECK(files == kDiaryFiles);
}

TEST_CASE("a diary that cannot be written costs its lines only") {
  const TempDir dir;
  SECTION("the disk is full") { fs::create_symlink("/dev/full", dir / "LOG"); }
  SECTION("it cannot be opened") { fs::create_directory(dir / "LOG"); }
  auto opened = RocksDbStore::Open({dir.path()});
  RequireOk(opened.status());
  const auto diary = BeginDiary(dir.path());
  for (int i = 0; i < 1000; ++i) rocksdb::Info(diary, "a line that is lost");
  diary->Flush();
  Batch batch;
  batch.Put(Table::kMeta, "key", "value");
  RequireOk((*opened)->Write(batch));
  RequireOk((*opened)->Sync());
}

}  // namespace
}  // namespace belfry
