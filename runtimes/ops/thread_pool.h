#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <thread>
#include <type_traits>
#include <vector>

namespace tenon::ops {

// Threads that share the tasks of one loop at a time. They start in the constructor (so: after a
// fork) and end in the destructor. Idle ones spin for some microseconds, then sleep.
class ThreadPool {
 public:
  // `threads` counts the caller, so 1 starts none; 0 is taken as 1.
  explicit ThreadPool(unsigned threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  unsigned threads() const { return static_cast<unsigned>(workers_.size()) + 1; }

  // Calls body(task), or body(task, thread) with thread below threads(), once for each task below
  // `tasks`, in any order, also on the calling thread, and returns when all are done. One call at a
  // time; body must not throw.
  template <class Body>
  void run(std::uint32_t tasks, Body&& body) {
    using Plain = std::remove_reference_t<Body>;
    const Function call = [](void* context, std::uint32_t task, unsigned thread) {
      if constexpr (std::is_invocable_v<Plain&, std::uint32_t, unsigned>) {
        (*static_cast<Plain*>(context))(task, thread);
      } else {
        (*static_cast<Plain*>(context))(task);
      }
    };
    run_job(tasks, call, const_cast<void*>(static_cast<const void*>(&body)));
  }

 private:
  using Function = void (*)(void*, std::uint32_t task, unsigned thread);

  void run_job(std::uint32_t tasks, Function function, void* context);
  void take_tasks(unsigned thread);
  void serve(unsigned thread);

  // The upper half is the job's number, the lower how many of its tasks wait to be taken. A task is
  // taken by a compare and swap of both, so a thread that comes late can never take one of a job
  // that is over.
  alignas(64) std::atomic<std::uint64_t> ticket_{0};
  std::atomic<std::uint32_t> tasks_{0};
  std::atomic<Function> function_{nullptr};
  std::atomic<void*> context_{nullptr};
  alignas(64) std::atomic<std::uint32_t> left_{0};  // tasks of this job that are not done
  alignas(64) std::atomic<std::uint32_t> job_{0};   // what sleepers wait on
  alignas(64) std::atomic<std::uint32_t> sleepers_{0};
  std::atomic<bool> stop_{false};
  std::vector<std::thread> workers_;
};

}  // namespace tenon::ops
