#pragma once

// Poller: a completion queue of gRPC and the thread that serves it. Each event runs the Tag that
// was given for it, on that thread.

#include <thread>

#include "grpcpp/completion_queue.h"

namespace belfry::bench {

class Tag {
 public:
  virtual void Done(bool ok) = 0;

 protected:
  ~Tag() = default;
};

// What gRPC is given: the pointer that the poller takes back.
inline void* AsTag(Tag* tag) { return tag; }

// Calls a member function; for objects that wait for several events.
template <typename Owner>
class MemberTag final : public Tag {
 public:
  using Method = void (Owner::*)(bool ok);
  MemberTag(Owner* owner, Method method) : owner_(owner), method_(method) {}
  void Done(bool ok) override { (owner_->*method_)(ok); }

 private:
  Owner* const owner_;
  const Method method_;
};

class Poller {
 public:
  Poller() : thread_([this] { Main(); }) {}
  // Serves what has been started until it has ended. REQUIRES: nothing is started any more.
  ~Poller() {
    queue_.Shutdown();
    thread_.join();
  }
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;

  grpc::CompletionQueue* queue() { return &queue_; }

 private:
  void Main() {
    void* tag = nullptr;
    bool ok = false;
    while (queue_.Next(&tag, &ok)) static_cast<Tag*>(tag)->Done(ok);
  }

  grpc::CompletionQueue queue_;
  std::thread thread_;
};

}  // namespace belfry::bench
