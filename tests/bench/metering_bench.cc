// What token budgets and metering add to a warm request: admit, spend, count. Several threads share
// one environment's pool and one replica, the worst case.

#include <benchmark/benchmark.h>

#include <memory>

#include "host/metering/meter.h"
#include "host/metering/token_budget.h"

namespace tenon::metering {
namespace {

constexpr sys_seconds kNow(std::chrono::seconds(1'790'000'000));

std::shared_ptr<TokenPool> pool(Granularity granularity) {
  return std::make_shared<TokenPool>(
      ResourceKey{Kind::kEnvironment, "default", "production", ""}, "cap",
      MaxTokens{.granularity = granularity, .input = 1ULL << 60, .total = 1ULL << 61});
}

void run(benchmark::State& state, const TokenBudget& budget) {
  for (auto _ : state) {
    benchmark::DoNotOptimize(budget.admit(kNow));
    budget.spend({16, 1}, kNow);
  }
}

void BM_OnePoolPerDay(benchmark::State& state) {
  static const TokenBudget kBudget({pool(Granularity::kDay)});
  run(state, kBudget);
}
BENCHMARK(BM_OnePoolPerDay)->Threads(1)->Threads(2)->UseRealTime();

void BM_OnePoolPerMonth(benchmark::State& state) {
  static const TokenBudget kBudget({pool(Granularity::kMonth)});
  run(state, kBudget);
}
BENCHMARK(BM_OnePoolPerMonth)->Threads(1)->Threads(2)->UseRealTime();

void BM_TwoPools(benchmark::State& state) {
  static const TokenBudget kBudget({pool(Granularity::kDay), pool(Granularity::kMinute)});
  run(state, kBudget);
}
BENCHMARK(BM_TwoPools)->Threads(1)->Threads(2)->UseRealTime();

void BM_NoPool(benchmark::State& state) {
  static const TokenBudget kBudget;
  run(state, kBudget);
}
BENCHMARK(BM_NoPool);

void BM_CountRequest(benchmark::State& state) {
  static Meter meter(
      [] { return Moment{std::chrono::steady_clock::now(), std::chrono::system_clock::now()}; });
  static const auto kReplica = meter.replica_started({"default", "m", "production"}, 1,
                                                     {FlavorType::kCpu, "x86"}, 1'000'000);
  for (auto _ : state) kReplica->request_finished({16, 1});
}
BENCHMARK(BM_CountRequest)->Threads(1)->Threads(2)->UseRealTime();

}  // namespace
}  // namespace tenon::metering

BENCHMARK_MAIN();
