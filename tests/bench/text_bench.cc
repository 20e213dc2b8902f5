// What a cold start and a request pay for tokenisation, with all-MiniLM-L6-v2's vocabulary.

#include <benchmark/benchmark.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <iterator>

#include "runtimes/text/tokenizer.h"

namespace tenon::text {
namespace {

const std::string& json() {
  static const std::string content = [] {
    const char* models = std::getenv("TENON_MODELS");
    std::ifstream in(std::string(models ? models : "models") + "/all-MiniLM-L6-v2/tokenizer.json",
                     std::ios::binary);
    return std::string{std::istreambuf_iterator<char>(in), {}};
  }();
  return content;
}

int table_file() {
  static const int fd = [] {
    const int made = ::memfd_create("table", 0);
    if (!Tokenizer::write_table(json(), made)) std::abort();
    return made;
  }();
  return fd;
}

constexpr std::string_view kTexts[] = {
    "a query of some fourteen ordinary words, as an application might send one",
    "une requ\u00eate d'une quinzaine de mots ordinaires, comme on en envoie souvent",
    "\u4e00\u4e2a\u666e\u901a\u7684\u67e5\u8be2\uff0c\u4e2d\u6587\u7684\u3002",
};

void load_json(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(Tokenizer::from_json(json()));
}
BENCHMARK(load_json)->Unit(benchmark::kMicrosecond);

void load_table(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(Tokenizer::map_table(table_file()));
}
BENCHMARK(load_table)->Unit(benchmark::kMicrosecond);

void first_encode(benchmark::State& state) {
  std::vector<std::uint32_t> ids;
  for (auto _ : state) {
    state.PauseTiming();
    auto tokenizer = Tokenizer::map_table(table_file());
    state.ResumeTiming();
    benchmark::DoNotOptimize(tokenizer->encode_ids(kTexts[state.range(0)], {}, ids));
  }
}
BENCHMARK(first_encode)->DenseRange(0, 2)->Iterations(200)->Unit(benchmark::kMicrosecond);

void encode(benchmark::State& state, const Tokenizer& tokenizer) {
  const EncodeOptions options{.truncation = Truncation{256}};
  std::vector<std::uint32_t> ids;
  for (auto _ : state) {
    benchmark::DoNotOptimize(tokenizer.encode_ids(kTexts[state.range(0)], options, ids));
  }
  state.counters["tokens"] = static_cast<double>(ids.size());
}

void encode_json(benchmark::State& state) {
  encode(state, *Tokenizer::from_json(json()));
}
BENCHMARK(encode_json)->DenseRange(0, 2)->Unit(benchmark::kMicrosecond);

void encode_table(benchmark::State& state) {
  encode(state, *Tokenizer::map_table(table_file()));
}
BENCHMARK(encode_table)->DenseRange(0, 2)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace tenon::text

BENCHMARK_MAIN();
