#include "server/open_streams.h"

#include <vector>

#include "fmt/format.h"

namespace belfry::server {

absl::Status OpenStreams::Add(const std::shared_ptr<OpenStream>& stream) {
  MutexLock lock(&mutex_);
  if (closed_) return absl::UnavailableError("server is closing");
  if (streams_.size() >= max_streams_) {
    return absl::ResourceExhaustedError(
        fmt::format("too many streams are open (limit: --max-streams={})", max_streams_));
  }
  streams_.emplace(stream.get(), stream);
  return absl::OkStatus();
}

void OpenStreams::Remove(const OpenStream* stream) {
  MutexLock lock(&mutex_);
  streams_.erase(stream);
}

void OpenStreams::CloseAll(const absl::Status& status) {
  std::vector<std::shared_ptr<OpenStream>> open;
  {
    MutexLock lock(&mutex_);
    closed_ = true;
    for (const auto& [key, stream] : streams_) {
      if (auto alive = stream.lock()) open.push_back(std::move(alive));
    }
  }
  // Outside the lock: closing takes the stream's own.
  for (const auto& stream : open) stream->Close(status);
}

}  // namespace belfry::server
