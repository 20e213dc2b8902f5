// The real all-MiniLM-L6-v2 held to what transformers makes of the same token ids
// (tests/golden/make_minilm_embeddings.py).
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "runtimes/encoder/encoder.h"

namespace tenon::encoder {
namespace {

std::string model_folder() {
  const char* models = std::getenv("TENON_MODELS");
  const char* source = std::getenv("TENON_SOURCE_DIR");
  const std::string root = models ? models : std::string(source ? source : ".") + "/models";
  return root + "/all-MiniLM-L6-v2";
}

struct Case {
  std::string text;
  std::vector<std::uint32_t> ids;
  std::vector<float> embedding;
};

void read_cases(const boost::json::value& list, std::vector<Case>& cases) {
  for (const boost::json::value& entry : list.as_array()) {
    const boost::json::object& object = entry.as_object();
    if (!object.contains("ids")) continue;
    Case& one = cases.emplace_back();
    if (const auto* text = object.if_contains("text")) one.text = text->as_string();
    one.ids = boost::json::value_to<std::vector<std::uint32_t>>(object.at("ids"));
    one.embedding = boost::json::value_to<std::vector<float>>(object.at("embedding"));
  }
}

std::vector<Case> golden_cases() {
  const char* source = std::getenv("TENON_SOURCE_DIR");
  std::ifstream file(std::string(source ? source : ".") + "/tests/golden/minilm_embeddings.json");
  std::stringstream text;
  text << file.rdbuf();
  const boost::json::value golden = boost::json::parse(text.str());
  std::vector<Case> cases;
  read_cases(golden.at("cases"), cases);
  read_cases(golden.at("long"), cases);
  return cases;
}

class GoldenTest : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    ASSERT_TRUE(std::filesystem::exists(model_folder() + "/model.safetensors"))
        << "the sample model is not in " << model_folder()
        << ": bring it, or name its folder's parent in TENON_MODELS";
    const auto isa = ops::choose_isa(GetParam());
    if (!isa) GTEST_SKIP() << isa.error().message;
    isa_ = *isa;
    auto config = EncoderConfig::from_folder(model_folder());
    ASSERT_TRUE(config) << config.error().message;
    config_ = *config;
    cases_ = golden_cases();
    ASSERT_GE(cases_.size(), 60U);
  }

  void expect_equal(const Case& expected, std::span<const float> rows) const {
    std::vector<float> found(config_.hidden);
    pool_rows(config_.pooling, rows, found);
    normalise(found);
    double dot = 0;
    double squares = 0;
    double largest = 0;
    for (std::size_t i = 0; i < found.size(); ++i) {
      dot += static_cast<double>(found[i]) * expected.embedding[i];
      squares += static_cast<double>(expected.embedding[i]) * expected.embedding[i];
      largest = std::fmax(largest, std::fabs(found[i] - expected.embedding[i]));
    }
    EXPECT_GE(dot / std::sqrt(squares), 0.99999) << expected.text;
    EXPECT_LE(largest, 2e-5) << expected.text;
    worst_ = std::fmax(worst_, largest);
  }

  ops::Isa isa_{};
  EncoderConfig config_;
  std::vector<Case> cases_;
  mutable double worst_ = 0;
};

INSTANTIATE_TEST_SUITE_P(, GoldenTest, testing::Values("scalar", "avx2", "avx512"),
                         [](const auto& info) { return info.param; });

TEST_P(GoldenTest, EmbeddingsEqualTheReference) {
  ops::ThreadPool pool(2);
  const auto encoder = Encoder::pack(model_folder(), config_, isa_, pool, -1);
  ASSERT_TRUE(encoder) << encoder.error().message;
  Session session(*encoder, pool);
  std::vector<std::uint32_t> ids;
  std::vector<std::uint32_t> ends;
  for (const Case& one : cases_) {
    ids.insert(ids.end(), one.ids.begin(), one.ids.end());
    ends.push_back(static_cast<std::uint32_t>(ids.size()));
  }
  std::size_t seen = 0;
  const auto done =
      session.encode({ids, {}, ends}, [&](std::size_t sequence, std::span<const float> rows) {
        EXPECT_EQ(sequence, seen++);
        expect_equal(cases_[sequence], rows);
      });
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(seen, cases_.size());
  EXPECT_LE(session.scratch_bytes(), 30U << 20);
  EXPECT_LE(encoder->mapped_bytes(), 91U << 20);
  RecordProperty("worst_difference", std::to_string(worst_));
  std::printf("largest difference %.2e over %zu texts\n", worst_, cases_.size());
}

}  // namespace
}  // namespace tenon::encoder
