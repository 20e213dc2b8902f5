// The bare engine against the machine's fp32 roof, both measured in the same run.
//
//   engine_bench [--json] MODEL_FOLDER
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <string_view>
#include <vector>

#include "runtimes/encoder/encoder.h"
#include "tests/bench/fma_roof.h"

namespace tenon::bench {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

[[noreturn]] void give_up(const std::string& message) {
  fmt::print(stderr, "engine_bench: {}\n", message);
  std::exit(1);
}

template <class T>
T must(tensor::Result<T> result) {
  if (!result) give_up(result.error().message);
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::ranges::nth_element(values, middle);
  return *middle;
}

template <class Body>
double seconds(Body body) {
  const auto start = Clock::now();
  body();
  return seconds_since(start);
}

struct Load {
  std::vector<std::uint32_t> ids;
  std::vector<std::uint32_t> ends;
  double flops = 0;

  Load(const encoder::EncoderConfig& config, const std::vector<std::uint32_t>& lengths) {
    const double hidden = config.hidden;
    const double weights = config.layers * (4 * hidden * hidden + 2 * hidden * config.intermediate);
    for (const std::uint32_t length : lengths) {
      for (std::uint32_t i = 0; i < length; ++i)
        ids.push_back((i * 7919 + length) % config.vocabulary);
      ends.push_back(static_cast<std::uint32_t>(ids.size()));
      flops += 2 * weights * length + 4 * config.layers * hidden * length * length;
    }
  }
  encoder::Batch batch() const { return {ids, {}, ends}; }
};

struct Figure {
  double seconds;  // for one batch, embeddings pooled
  double roof;     // GFLOP/s, sampled between the batches: clocks and neighbours change
};

Figure measure(encoder::Session& session, ops::ThreadPool& pool, const encoder::Encoder& encoder,
               const Load& load, int times) {
  std::vector<float> embedding(encoder.config().hidden);
  const auto once = [&] {
    must(session.encode(load.batch(), [&](std::size_t, std::span<const float> rows) {
      encoder::pool_rows(encoder.config().pooling, rows, embedding);
      encoder::normalise(embedding);
    }));
  };
  once();
  std::vector<double> taken;
  std::vector<double> roofs;
  for (int i = 0; i < times; ++i) {
    roofs.push_back(fma_roof(encoder.isa(), pool));
    taken.push_back(seconds(once));
  }
  return {median(taken), median(roofs)};
}

struct Row {
  std::string name;
  std::vector<std::uint32_t> lengths;
  int times;
};

std::vector<Row> rows() {
  const auto same = [](std::uint32_t length, std::size_t count) {
    return std::vector(count, length);
  };
  return {
      {"1 x 16", same(16, 1), 400},
      {"1 x 32", same(32, 1), 200},
      {"1 x 128", same(128, 1), 60},
      {"1 x 512", same(512, 1), 15},
      {"32 x 16", same(16, 32), 30},
      {"32 x 32", same(32, 32), 15},
      {"8 x 128", same(128, 8), 15},
      {"32 x 128", same(128, 32), 5},
      {"4 x 512", same(512, 4), 7},
      {"mixed", {16, 20, 24, 30, 36, 44, 52, 64, 80, 100, 130, 170, 220, 300, 400, 500}, 7},
  };
}

// A first text through a fresh map of packed weights that the page cache holds.
double cold_start(const std::string& folder, const encoder::EncoderConfig& config, ops::Isa isa,
                  ops::ThreadPool& pool, int fd, bool populate, std::uint32_t tokens) {
  const Load load(config, {tokens});
  std::vector<double> taken;
  for (int i = 0; i < 15; ++i)
    taken.push_back(seconds([&] {
      const auto encoder =
          must(encoder::Encoder::map(folder, config, isa, fd, populate ? &pool : nullptr));
      encoder::Session session(encoder, pool);
      must(session.encode(load.batch(), [](std::size_t, std::span<const float>) {}));
    }));
  return median(taken);
}

void run(const std::string& folder, bool json) {
  const char* wanted = std::getenv("TENON_ISA");
  const ops::Isa isa = must(ops::choose_isa(wanted ? wanted : ""));
  const auto config = must(encoder::EncoderConfig::from_folder(folder));
  std::string out = fmt::format("{{\"isa\": \"{}\"", ops::name_of(isa));
  for (const unsigned threads : {1U, 2U}) {
    ops::ThreadPool pool(threads);
    std::string name = (std::filesystem::temp_directory_path() / "tenon-bench-XXXXXX").string();
    const int fd = mkstemp(name.data());
    if (fd < 0) give_up("cannot make " + name);
    unlink(name.c_str());
    const auto start = Clock::now();
    const auto encoder = must(encoder::Encoder::pack(folder, config, isa, pool, fd));
    const double packed = seconds_since(start);
    encoder::Session session(encoder, pool);
    std::vector<double> roofs;
    for (int i = 0; i < 20; ++i) roofs.push_back(fma_roof(isa, pool));
    const double roof = median(roofs);
    if (!json) {
      fmt::print(
          "{} {}, roof {:.0f} GFLOP/s; pack {:.1f} ms; fresh map to 8 tokens {:.2f} ms, populated "
          "{:.2f} ms\n",
          threads == 1 ? "1 thread," : "2 threads,", ops::name_of(isa), roof, packed * 1e3,
          cold_start(folder, config, isa, pool, fd, false, 8) * 1e3,
          cold_start(folder, config, isa, pool, fd, true, 8) * 1e3);
    }
    for (const Row& row : rows()) {
      const Load load(config, row.lengths);
      const auto [taken, nearby] = measure(session, pool, encoder, load, row.times);
      const auto count = static_cast<double>(row.lengths.size());
      const double rate = load.flops / taken / 1e9;
      if (!json) {
        fmt::print(
            "  {:>8}: {:8.3f} ms {:8.1f} sequences/s {:6.1f} GFLOP/s {:5.1f} % of the roof\n",
            row.name, taken * 1e3, count / taken, rate, 100 * rate / nearby);
      } else if (threads == 2 && row.name == "1 x 16") {
        out += fmt::format(", \"ms_16\": {:.4f}", taken * 1e3);
      } else if (threads == 2 && row.name == "8 x 128") {
        out += fmt::format(", \"seq_per_s_128\": {:.2f}, \"ratio_128\": {:.4f}", count / taken,
                           rate / nearby);
      }
    }
    out += fmt::format(", \"{}\": {:.2f}", threads == 1 ? "roof_gflops_1" : "roof_gflops", roof);
    close(fd);
  }
  if (json) fmt::print("{}}}\n", out);
}

}  // namespace
}  // namespace tenon::bench

int main(int argc, char** argv) {
  const bool json = argc == 3 && std::string_view(argv[1]) == "--json";
  if (argc != (json ? 3 : 2)) {
    fmt::print(stderr, "usage: engine_bench [--json] MODEL_FOLDER\n");
    return 2;
  }
  tenon::bench::run(argv[argc - 1], json);
}
