#pragma once

// TaskRunner: a queue of tasks and the threads that run them, oldest first.
// Thread safety: Submit may be called from any thread; the rest belongs to the owner.

#include <deque>
#include <thread>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "scheduler/base/mutex.h"

namespace belfry {

class TaskRunner {
 public:
  using Task = absl::AnyInvocable<void()>;

  ~TaskRunner() { Stop(); }

  void Start(int threads) {
    for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { TaskThreadMain(); });
  }

  // Waits for running tasks and drops those that have not begun.
  void Stop() {
    {
      MutexLock lock(&mutex_);
      stopping_ = true;
      tasks_.clear();
      arrived_.SignalAll();
    }
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }

  // Queues a task; dropped when stopping.
  void Submit(Task task) {
    MutexLock lock(&mutex_);
    if (stopping_) return;
    tasks_.push_back(std::move(task));
    arrived_.Signal();
  }

  // Runs one task on this thread; false if there is none.
  bool RunOnce() {
    Task task;
    {
      MutexLock lock(&mutex_);
      if (tasks_.empty()) return false;
      task = std::move(tasks_.front());
      tasks_.pop_front();
    }
    task();
    return true;
  }

 private:
  void TaskThreadMain() {
    for (;;) {
      {
        MutexLock lock(&mutex_);
        while (tasks_.empty() && !stopping_) arrived_.Wait();
        if (stopping_) return;
      }
      RunOnce();
    }
  }

  std::vector<std::thread> threads_;
  Mutex mutex_;
  CondVar arrived_{&mutex_};  // signalled by Submit and Stop
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::deque<Task> tasks_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace belfry
