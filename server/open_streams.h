#pragma once

// OpenStreams: the streams that end only when their clients or the process want it, so that a stop
// can end them all.
//
// Thread safety: all methods may be called from any thread.

#include <cstddef>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "scheduler/base/limits.h"
#include "scheduler/base/mutex.h"

namespace belfry::server {

class OpenStream {
 public:
  virtual ~OpenStream() = default;

  // Ends the stream with a status; nothing happens if it has ended already. Any thread.
  virtual void Close(const absl::Status& status) = 0;
};

class OpenStreams {
 public:
  // At most `max_streams` may be open at a time.
  explicit OpenStreams(size_t max_streams = Limits().max_streams) : max_streams_(max_streams) {}

  // Unavailable, with nothing added, once CloseAll was called; ResourceExhausted if there are too
  // many. A stream is not owned: it may vanish before it is removed.
  [[nodiscard]] absl::Status Add(const std::shared_ptr<OpenStream>& stream);

  // Forgets a stream; one that was not added is ignored.
  void Remove(const OpenStream* stream);

  // Ends all streams, and refuses later ones.
  void CloseAll(const absl::Status& status);

 private:
  const size_t max_streams_;

  Mutex mutex_;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  absl::flat_hash_map<const OpenStream*, std::weak_ptr<OpenStream>> streams_
      ABSL_GUARDED_BY(mutex_);
};

}  // namespace belfry::server
