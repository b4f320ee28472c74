#pragma once

// Window: the stretch of one group's time index that is held in memory.
//
// The index on disk holds every unsettled tick of the group. The window covers the entries before
// `end`; later ones are on disk only. Invariants, for a window that is open:
//   W1 every index entry before `end` is queued here, in flight, or of a job that is gone;
//   W2 `end` is a position, never a bare time: a million ticks may share one instant;
//   W3 no unsettled entry lies before `mark`, neither in memory nor on disk.
// Entries beyond `end` may be queued too (they were added while a stretch was being read); the scan
// that reaches them finds them resident and skips them.
// Not thread-safe.

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "absl/container/btree_set.h"
#include "absl/container/flat_hash_map.h"
#include "scheduler/engine/trigger_queue.h"

namespace belfry {

// Asks a reader for index entries of a group from a position on.
struct ScanRequest {
  uint32_t group_id = 0;
  uint64_t generation = 0;  // tells apart scans before and after a window was closed
  Position from;
  size_t limit = 0;
  bool counts_only = false;  // for OfflineCount, not for a window
};

struct ScanResult {
  uint32_t group_id = 0;
  uint64_t generation = 0;
  std::vector<Position> entries;
  bool reached_end = false;  // there are no entries after these
  bool counts_only = false;  // as in the request
};

class Window {
 public:
  // Whether the window may be filled: its group has watchers.
  bool open() const { return open_; }

  // Opens an empty window whose entries begin at `mark`.
  void Open(absl::Time mark);
  // Forgets all entries; they stay on disk. A pending scan's result will be ignored.
  void Close();

  // Takes note of an index entry that was written. Does nothing while closed or beyond the end. An
  // entry whose time has passed already waits behind those that were queued before `now`: a job
  // that catches up, or is always due, lets others go first. REQUIRES: the id is not queued.
  void Add(Position position, absl::Time now = absl::InfinitePast());

  // Puts back an entry that was popped and not settled, not to be tried before `not_before`.
  void PutBack(Position position, absl::Time not_before);

  // Entries that were put back with a pause may be tried at once: the clock that the pauses were
  // measured with was set back.
  void EndPauses();

  // Forgets a job: it was deleted, overwritten or moved.
  void Remove(uint64_t id);

  bool Contains(uint64_t id) const { return queue_.Contains(id) || delayed_.Contains(id); }
  size_t size() const { return queue_.size() + delayed_.size(); }
  // Whether the window is open, has seen the whole index, and nothing is queued: no job is left.
  bool covers_all_and_is_empty() const {
    return open_ && !scan_pending_ && end_ == LastPosition() && size() == 0;
  }

  // When the first entry is due, if one is queued. An entry beyond the end waits until the scan
  // has told what lies before it.
  std::optional<absl::Time> FirstDue() const;

  // The id of the first entry. REQUIRES: FirstDue().
  uint64_t FirstId() const { return DelayedFirst() ? delayed_.front().id : queue_.front().id; }
  // How many of the entries in memory are due; stops counting at `most`.
  size_t CountDue(absl::Time now, size_t most) const;

  // Takes the first entry; the result is its index position. REQUIRES: FirstDue().
  Position Pop();

  // The scan that is needed now, if any; the caller must carry it out and call Fill.
  std::optional<ScanRequest> NextScan(uint32_t group_id);

  // Takes a scan's entries, except those for which `known` is true (in flight).
  void Fill(const ScanResult& result, const std::function<bool(uint64_t)>& known);

  // The earliest index position that is queued here, delayed here, or still to be scanned.
  Position Lowest() const;

 private:
  void Queue(Position position);
  void Shrink();
  bool DelayedFirst() const;

  bool open_ = false;
  bool scan_pending_ = false;
  uint64_t generation_ = 0;
  Position end_;
  // Earliest entry that was left on disk while a scan was pending; the scan's end is cut to it.
  Position scan_cap_;
  TriggerQueue queue_;  // by index position
  // Entries put back with a pause, by its end; their index positions. Not counted as the window's:
  // they are as many as the engine remembers tries, and giving them up would only mean reading
  // them again before their time. Those that wait behind others are here too, if there are not as
  // many yet as a window holds.
  TriggerQueue delayed_;
  absl::flat_hash_map<uint64_t, absl::Time> delayed_times_;
  absl::btree_set<Position> delayed_positions_;
};

}  // namespace belfry
