#pragma once

// Journal: what was asked of a scheduler and what it has answered, in a file that is written before
// each request and after each answer. What must be true after a crash is read from the file.

#include <cstdint>
#include <fstream>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/time/time.h"

namespace belfry::crash {

// A request, and how it went. Requests about one name follow one another.
struct Entry {
  std::string name;
  int revision = 0;       // 0: a delete
  absl::Time due;         // of a job that is scheduled
  bool is_known = false;  // it was answered with OK
  absl::Time answered;    // if known
};

// A trigger that a watcher received.
struct Delivery {
  std::string name;
  int revision = 0;
  absl::Time arrived;
  absl::Time stream_opened;  // before this, at the latest
};

// Thread safety: all methods may be called from any thread.
class Journal {
 public:
  explicit Journal(const std::string& path);

  // Notes a request that is about to be made; revision 0 is a delete. Returns the revision, a new
  // one for each schedule.
  int Ask(const std::string& name, bool is_delete, absl::Time due);
  // Notes that the last request about the name was answered with OK; without this it may have been
  // carried out or not.
  void Acknowledge(const std::string& name);
  void Delivered(const Delivery& delivery);
  // Notes that a delivered job is known to be over: it was answered, and is gone.
  void Settled(const std::string& name, int revision);

  size_t acknowledged_count() const;
  bool has_delivered(const std::string& name, int revision) const;

  // What the file says is wrong with the deliveries so far.
  std::vector<std::string> CheckDeliveries() const;
  // What is wrong with a list of jobs, each a name and its revision. REQUIRES: no request is under
  // way.
  std::vector<std::string> CheckList(const std::map<std::string, int>& listed) const;
  // Jobs that were due at `now`, are not known to have been replaced or deleted, and were not
  // delivered.
  std::vector<std::string> Missing(absl::Time now) const;

 private:
  struct Name {
    std::vector<Entry> entries;  // the first is what was known to be true first
    std::map<int, std::vector<Delivery>> deliveries;
    std::map<int, absl::Time> settled;

    // What may be stored now.
    std::set<int> Possible() const;
  };
  using Names = std::map<std::string, Name>;

  void Write(const std::string& line);
  Names Read() const;

  const std::string path_;
  mutable std::mutex mutex_;
  std::ofstream file_;                               // guarded by mutex_
  int last_revision_ = 0;                            // guarded by mutex_
  size_t acknowledged_ = 0;                          // guarded by mutex_
  std::set<std::pair<std::string, int>> delivered_;  // guarded by mutex_
};

}  // namespace belfry::crash
