#include "runtimes/ops/thread_pool.h"

#include <gtest/gtest.h>

#include <chrono>
#include <mutex>
#include <set>

namespace tenon::ops {
namespace {

TEST(ThreadPoolTest, EveryTaskRunsOnce) {
  for (const unsigned threads : {0U, 1U, 2U, 3U, 8U}) {
    ThreadPool pool(threads);
    EXPECT_EQ(pool.threads(), std::max(threads, 1U));
    for (const std::uint32_t tasks : {0U, 1U, 2U, 7U, 1000U}) {
      std::vector<std::atomic<int>> runs(tasks);
      pool.run(tasks,
               [&](std::uint32_t task) { runs[task].fetch_add(1, std::memory_order_relaxed); });
      for (const auto& count : runs) ASSERT_EQ(count, 1);
    }
  }
}

// Loops follow each other at once, so that a thread often comes to one when it is over already.
TEST(ThreadPoolTest, ManyShortLoopsNeverMixTheirTasks) {
  ThreadPool pool(4);
  std::vector<std::uint32_t> seen(5);
  for (std::uint32_t loop = 1; loop <= 20'000; ++loop) {
    const std::uint32_t tasks = 1 + loop % 5;
    pool.run(tasks, [&, loop](std::uint32_t task) { seen[task] = loop; });
    for (std::uint32_t task = 0; task < tasks; ++task) ASSERT_EQ(seen[task], loop);
  }
}

TEST(ThreadPoolTest, SleepingThreadsWakeUp) {
  ThreadPool pool(2);
  for (int i = 0; i < 20; ++i) {
    std::this_thread::sleep_for(std::chrono::microseconds(500));
    // Each task waits for the other: one thread alone would never end.
    std::atomic<int> arrived = 0;
    pool.run(2, [&](std::uint32_t) {
      ++arrived;
      while (arrived < 2) std::this_thread::yield();
    });
  }
}

TEST(ThreadPoolTest, EachThreadHasItsOwnNumber) {
  ThreadPool pool(3);
  std::mutex mutex;
  std::set<std::pair<unsigned, std::thread::id>> seen;
  for (int i = 0; i < 200; ++i) {
    pool.run(16, [&](std::uint32_t, unsigned thread) {
      const std::lock_guard lock(mutex);
      seen.emplace(thread, std::this_thread::get_id());
    });
  }
  std::set<unsigned> numbers;
  for (const auto& [number, id] : seen) {
    EXPECT_LT(number, 3U);
    EXPECT_TRUE(numbers.insert(number).second) << "two threads have the number " << number;
  }
}

}  // namespace
}  // namespace tenon::ops
