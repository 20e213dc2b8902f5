#include "runtimes/ops/thread_pool.h"

#include <chrono>

namespace tenon::ops {
namespace {

// Between two loops of one pass lie microseconds; between two requests much more.
constexpr auto kSpin = std::chrono::microseconds(50);

void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

// Spins until done() or the time is up; says which.
template <class Done>
bool spin_until(Done done) {
  const auto end = std::chrono::steady_clock::now() + kSpin;
  do {
    for (int i = 0; i < 16; ++i) {
      if (done()) return true;
      relax();
    }
  } while (std::chrono::steady_clock::now() < end);
  return done();
}

}  // namespace

ThreadPool::ThreadPool(unsigned threads) {
  for (unsigned i = 1; i < threads; ++i) workers_.emplace_back([this, i] { serve(i); });
}

ThreadPool::~ThreadPool() {
  stop_ = true;
  job_ += 1;
  job_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

void ThreadPool::run_job(std::uint32_t tasks, Function function, void* context) {
  if (workers_.empty() || tasks <= 1) {
    for (std::uint32_t task = 0; task < tasks; ++task) function(context, task, 0);
    return;
  }
  tasks_.store(tasks, std::memory_order_relaxed);
  function_.store(function, std::memory_order_relaxed);
  context_.store(context, std::memory_order_relaxed);
  left_.store(tasks, std::memory_order_relaxed);
  const std::uint32_t job = job_.load(std::memory_order_relaxed) + 1;
  ticket_.store(std::uint64_t{job} << 32 | tasks, std::memory_order_release);
  // Against a sleeper that counts itself and then looks at the job: one of both sees the other.
  job_.store(job, std::memory_order_seq_cst);
  if (sleepers_.load(std::memory_order_seq_cst) != 0) job_.notify_all();

  take_tasks(0);
  if (spin_until([this] { return left_.load(std::memory_order_acquire) == 0; })) return;
  for (std::uint32_t left; (left = left_.load(std::memory_order_acquire)) != 0;) left_.wait(left);
}

// Works on the present job until no task is left to take.
void ThreadPool::take_tasks(unsigned thread) {
  std::uint64_t ticket = ticket_.load(std::memory_order_acquire);
  while (const auto waiting = static_cast<std::uint32_t>(ticket)) {
    const std::uint32_t tasks = tasks_.load(std::memory_order_relaxed);
    const Function function = function_.load(std::memory_order_relaxed);
    void* const context = context_.load(std::memory_order_relaxed);
    // Succeeds only while this very job has tasks to take, so what was read above belongs to it.
    if (!ticket_.compare_exchange_weak(ticket, ticket - 1, std::memory_order_acq_rel,
                                       std::memory_order_acquire)) {
      continue;
    }
    function(context, tasks - waiting, thread);
    if (left_.fetch_sub(1, std::memory_order_acq_rel) == 1) left_.notify_one();
    ticket = ticket_.load(std::memory_order_acquire);
  }
}

void ThreadPool::serve(unsigned thread) {
  std::uint32_t seen = 0;
  for (;;) {
    const auto changed = [&] { return job_.load(std::memory_order_acquire) != seen; };
    if (!spin_until(changed)) {
      sleepers_.fetch_add(1, std::memory_order_seq_cst);
      while (job_.load(std::memory_order_seq_cst) == seen) job_.wait(seen);
      sleepers_.fetch_sub(1, std::memory_order_relaxed);
    }
    if (stop_) return;
    seen = job_.load(std::memory_order_acquire);
    take_tasks(thread);
  }
}

}  // namespace tenon::ops
