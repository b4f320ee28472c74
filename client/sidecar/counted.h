#pragma once

#include <atomic>

namespace belfry::sidecar {

// Counts a connection or a request while it lives.
class Counted {
 public:
  // `counter` must outlive this object.
  explicit Counted(std::atomic<int>& counter)
      : counter_(counter), count_(counter.fetch_add(1) + 1) {}
  ~Counted() { counter_.fetch_sub(1); }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;

  // How many there were when this one came, itself included.
  int count() const { return count_; }

 private:
  std::atomic<int>& counter_;
  const int count_;
};

}  // namespace belfry::sidecar
