// Every instruction set held to the scalar reference, over sizes around all edges of the tiles.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <random>

#include "runtimes/ops/attention.h"
#include "runtimes/ops/linear.h"
#include "runtimes/ops/rows.h"

namespace tenon::ops {
namespace {

struct alignas(64) Line {
  float values[16];
};

// Floats that begin a cache line, made up but the same every time.
class Floats {
 public:
  explicit Floats(std::size_t size, float spread = 1, unsigned seed = 1)
      : lines_((size + 15) / 16), size_(size) {
    std::mt19937 random(seed + static_cast<unsigned>(size));
    std::uniform_real_distribution<float> uniform(-spread, spread);
    for (float& value : span()) value = uniform(random);
  }
  float* data() { return lines_.empty() ? nullptr : lines_[0].values; }
  std::span<float> span() { return {data(), size_}; }
  std::span<const std::byte> bytes() { return std::as_bytes(span()); }

 private:
  std::vector<Line> lines_;
  std::size_t size_;
};

void expect_near(std::span<const float> found, std::span<const float> expected, double tolerance) {
  ASSERT_EQ(found.size(), expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    ASSERT_NEAR(found[i], expected[i], tolerance * (1 + std::fabs(expected[i]))) << "at " << i;
  }
}

class KernelsTest : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    const auto isa = choose_isa(GetParam());
    if (!isa) GTEST_SKIP() << isa.error().message;
    kernels_ = &kernels_for(*isa);
  }

  std::vector<float> run_linear(const Kernels& kernels, std::size_t rows, std::size_t inputs,
                                std::size_t outputs, Epilogue epilogue) {
    Floats a(rows * inputs);
    Floats weights(outputs * inputs, 0.5F, 2);
    Floats bias(outputs, 1, 3);
    Floats residual(rows * outputs, 1, 4);
    Floats packed(PackedLinear::size(kernels, inputs, outputs), 1, 5);
    const LinearSource source[] = {{weights.bytes().data(), bias.bytes().data(), outputs}};
    pack_linear(kernels, inputs, source, packed.data(), pool_);
    // Behind the last row lies what nobody may touch.
    std::vector<float> c(rows * outputs + 64, 77.0F);
    linear(kernels, PackedLinear::at(kernels, inputs, outputs, packed.data()), a.data(), rows,
           epilogue, residual.data(), c.data(), pool_);
    for (std::size_t i = rows * outputs; i < c.size(); ++i) EXPECT_EQ(c[i], 77.0F);
    c.resize(rows * outputs);
    return c;
  }

  const Kernels* kernels_ = nullptr;
  ThreadPool pool_{2};
};

INSTANTIATE_TEST_SUITE_P(, KernelsTest, testing::Values("scalar", "avx2", "avx512"),
                         [](const auto& info) { return info.param; });

TEST_P(KernelsTest, LinearAtEveryRemainderOfRows) {
  for (std::size_t rows = 1; rows <= 26; ++rows) {
    expect_near(run_linear(*kernels_, rows, 40, 70, Epilogue::kBias),
                run_linear(kernels_for(Isa::kScalar), rows, 40, 70, Epilogue::kBias), 2e-6);
  }
}

TEST_P(KernelsTest, LinearAtEveryRemainderOfColumns) {
  for (std::size_t outputs = 1; outputs <= 130; ++outputs) {
    for (const Epilogue epilogue :
         {Epilogue::kBias, Epilogue::kBiasGelu, Epilogue::kBiasResidual}) {
      expect_near(run_linear(*kernels_, 7, 9, outputs, epilogue),
                  run_linear(kernels_for(Isa::kScalar), 7, 9, outputs, epilogue), 2e-6);
    }
  }
}

TEST_P(KernelsTest, LinearAcrossBandsAndGroups) {
  for (const std::size_t rows : {255, 256, 257, 511, 520}) {
    expect_near(run_linear(*kernels_, rows, 33, 300, Epilogue::kBiasGelu),
                run_linear(kernels_for(Isa::kScalar), rows, 33, 300, Epilogue::kBiasGelu), 2e-6);
  }
  expect_near(run_linear(*kernels_, 70, 4000, 65, Epilogue::kBiasResidual),
              run_linear(kernels_for(Isa::kScalar), 70, 4000, 65, Epilogue::kBiasResidual), 2e-5);
}

TEST_P(KernelsTest, LinearRowsDoNotDependOnTheirCompany) {
  Floats a(23 * 100);
  Floats packed(PackedLinear::size(*kernels_, 100, 90), 1, 2);
  const auto layer = PackedLinear::at(*kernels_, 100, 90, packed.data());
  std::vector<float> together(23UL * 90);
  linear(*kernels_, layer, a.data(), 23, Epilogue::kBiasGelu, nullptr, together.data(), pool_);
  for (std::size_t row = 0; row < 23; ++row) {
    std::vector<float> alone(90);
    linear(*kernels_, layer, a.data() + row * 100, 1, Epilogue::kBiasGelu, nullptr, alone.data(),
           pool_);
    ASSERT_EQ(std::memcmp(alone.data(), together.data() + row * 90, 90 * sizeof(float)), 0)
        << "row " << row;
  }
}

TEST_P(KernelsTest, MatricesPackedSideBySideGiveTheirOwnColumns) {
  Floats a(5 * 30);
  std::vector<Floats> weights;
  std::vector<Floats> biases;
  std::vector<LinearSource> sources;
  for (unsigned i = 0; i < 3; ++i) {
    weights.emplace_back(20 * 30, 1, 10 + i);
    biases.emplace_back(20, 1, 20 + i);
    sources.push_back({weights[i].bytes().data(), biases[i].bytes().data(), 20});
  }
  const auto product = [&](std::span<const LinearSource> parts) {
    const std::size_t outputs = 20 * parts.size();
    Floats packed(PackedLinear::size(*kernels_, 30, outputs));
    pack_linear(*kernels_, 30, parts, packed.data(), pool_);
    std::vector<float> c(5 * outputs);
    linear(*kernels_, PackedLinear::at(*kernels_, 30, outputs, packed.data()), a.data(), 5,
           Epilogue::kBias, nullptr, c.data(), pool_);
    return c;
  };
  const auto together = product(sources);
  for (std::size_t part = 0; part < 3; ++part) {
    const auto alone = product({&sources[part], 1});
    for (std::size_t row = 0; row < 5; ++row) {
      for (std::size_t i = 0; i < 20; ++i)
        ASSERT_EQ(together[row * 60 + part * 20 + i], alone[row * 20 + i]);
    }
  }
}

TEST_P(KernelsTest, GeluIsExactOverItsWholeRange) {
  constexpr std::size_t kCount = 4001;
  std::vector<float> a(kCount);
  for (std::size_t i = 0; i < kCount; ++i) a[i] = static_cast<float>(i) * 0.01F - 20;
  Floats packed(PackedLinear::size(*kernels_, 1, 1));
  for (float& value : packed.span()) value = 0;
  packed.data()[0] = 1;
  std::vector<float> c(kCount);
  linear(*kernels_, PackedLinear::at(*kernels_, 1, 1, packed.data()), a.data(), kCount,
         Epilogue::kBiasGelu, nullptr, c.data(), pool_);
  for (std::size_t i = 0; i < kCount; ++i) {
    const double x = a[i];
    ASSERT_NEAR(c[i], 0.5 * x * (1 + std::erf(x * std::sqrt(0.5))), 1e-6 * (1 + std::fabs(x)))
        << "gelu(" << x << ")";
  }
}

std::vector<float> run_attention(const Kernels& kernels, const Attention& shape,
                                 std::span<const Range> sequences, float spread, ThreadPool& pool) {
  const std::size_t tokens = sequences.back().end;
  const std::size_t width = shape.heads * shape.dim;
  Floats qkv(tokens * 3 * width, spread);
  std::size_t longest = 0;
  for (const Range& range : sequences)
    longest = std::max<std::size_t>(longest, range.end - range.begin);
  Floats scratch(attention_scratch_size(kernels, shape, longest, pool.threads()), 1e30F);
  std::vector<float> out(tokens * width, 77.0F);
  attention(kernels, shape, sequences, qkv.data(), out.data(), scratch.data(), longest, pool);
  return out;
}

TEST_P(KernelsTest, AttentionAtEveryLengthAndManyWidths) {
  const Kernels& reference = kernels_for(Isa::kScalar);
  for (std::uint32_t tokens = 1; tokens <= 150; ++tokens) {
    const Range range[] = {{0, tokens}};
    expect_near(run_attention(*kernels_, {2, 32}, range, 1, pool_),
                run_attention(reference, {2, 32}, range, 1, pool_), 5e-6);
  }
  for (std::size_t dim = 1; dim <= 70; ++dim) {
    const Range range[] = {{0, 19}};
    expect_near(run_attention(*kernels_, {1, dim}, range, 1, pool_),
                run_attention(reference, {1, dim}, range, 1, pool_), 5e-6);
  }
}

TEST_P(KernelsTest, AttentionHoldsForScoresThatNearlyOverflow) {
  const Range range[] = {{0, 37}};
  expect_near(run_attention(*kernels_, {1, 16}, range, 30, pool_),
              run_attention(kernels_for(Isa::kScalar), {1, 16}, range, 30, pool_), 1e-3);
}

TEST_P(KernelsTest, SequencesDoNotSeeEachOther) {
  const Range sequences[] = {{0, 5}, {5, 70}, {70, 71}, {71, 100}};
  const auto together = run_attention(*kernels_, {3, 20}, sequences, 1, pool_);
  const auto reference = run_attention(kernels_for(Isa::kScalar), {3, 20}, sequences, 1, pool_);
  expect_near(together, reference, 5e-6);
}

TEST_P(KernelsTest, LayerNormAtEveryWidth) {
  for (std::size_t width = 1; width <= 100; ++width) {
    Floats gain(width, 1, 2);
    Floats bias(width, 1, 3);
    const LayerNorm norm{gain.data(), bias.data(), 1e-5F};
    Floats found(40 * width, 3);
    Floats expected(40 * width, 3);
    layer_norm(*kernels_, norm, found.data(), 40, width, pool_);
    layer_norm(kernels_for(Isa::kScalar), norm, expected.data(), 40, width, pool_);
    expect_near(found.span(), expected.span(), 2e-5);
  }
}

TEST_P(KernelsTest, EmbeddingsAreSummedAndNormed) {
  constexpr std::size_t kWidth = 37;
  // One byte off: a model file promises no alignment.
  Floats words(11 * kWidth + 1, 1, 1);
  std::vector<std::byte> shifted(10 * kWidth * sizeof(float) + 1);
  std::memcpy(shifted.data() + 1, words.data(), shifted.size() - 1);
  Floats positions(50 * kWidth, 1, 2);
  Floats types(2 * kWidth, 1, 3);
  Floats gain(kWidth, 1, 4);
  Floats bias(kWidth, 1, 5);
  std::vector<TokenRows> tokens;
  for (std::uint32_t i = 0; i < 50; ++i) tokens.push_back({i * 7 % 10, i, i % 2});
  const EmbeddingTables tables{shifted.data() + 1, positions.data(), types.data()};
  const LayerNorm norm{gain.data(), bias.data(), 1e-12F};
  std::vector<float> found(50 * kWidth);
  std::vector<float> expected(50 * kWidth);
  embed(*kernels_, tables, tokens, norm, kWidth, found.data(), pool_);
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    for (std::size_t j = 0; j < kWidth; ++j) {
      expected[i * kWidth + j] = words.data()[tokens[i].word * kWidth + j] +
                                 types.data()[tokens[i].type * kWidth + j] +
                                 positions.data()[tokens[i].position * kWidth + j];
    }
  }
  layer_norm(kernels_for(Isa::kScalar), norm, expected.data(), 50, kWidth, pool_);
  expect_near(found, expected, 2e-5);
}

}  // namespace
}  // namespace tenon::ops
