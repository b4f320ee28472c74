#pragma once

// TempDir: a directory of its own for one test, removed afterwards with all that is in it.

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <system_error>

namespace belfry {

// Thread safety: constant after construction.
class TempDir {
 public:
  TempDir() {
    std::string name = (std::filesystem::temp_directory_path() / "belfry-test-XXXXXX").string();
    // Not CHECK, which is another macro in tests.
    if (::mkdtemp(name.data()) == nullptr) {
      std::perror("cannot make a temporary directory");
      std::abort();
    }
    path_ = name;
  }
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::filesystem::path& path() const { return path_; }
  // The path of an entry below, which need not exist.
  std::string operator/(const std::string& entry) const { return (path_ / entry).string(); }

 private:
  std::filesystem::path path_;
};

}  // namespace belfry
