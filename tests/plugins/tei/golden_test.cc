// The built plugin on the real all-MiniLM-L6-v2, held to transformers' embeddings
// (tests/golden/make_minilm_embeddings.py).

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/plugins/tei/served_model.h"

namespace tenon::tei {
namespace {

std::string model_folder() {
  const char* models = std::getenv("TENON_MODELS");
  const std::string root =
      models != nullptr ? models : std::string(std::getenv("TENON_SOURCE_DIR")) + "/models";
  return root + "/all-MiniLM-L6-v2";
}

TEST(Golden, EmbeddingsEqualTheReference) {
  ASSERT_TRUE(std::filesystem::exists(model_folder() + "/model.safetensors"))
      << "the sample model is not in " << model_folder()
      << ": bring it, or name its folder's parent in TENON_MODELS";
  std::ifstream file(std::string(std::getenv("TENON_SOURCE_DIR")) +
                     "/tests/golden/minilm_embeddings.json");
  std::stringstream text;
  text << file.rdbuf();
  const auto golden = boost::json::parse(text.str());
  TestHost host;
  ASSERT_EQ(host.prepare(model_folder()), "");
  ASSERT_EQ(host.load(), "");
  int cases = 0;
  for (const auto& entry : golden.at("cases").as_array()) {
    const boost::json::object& one = entry.as_object();
    boost::json::object body;
    body["inputs"] = one.at("text");
    if (const auto* parameters = one.if_contains("parameters")) {
      for (const auto& [key, value] : parameters->as_object()) body[key] = value;
    }
    const TestAnswer answer = host.post("/embed", boost::json::serialize(body));
    if (!one.contains("embedding")) {
      EXPECT_EQ(answer.status, 400u) << answer.body;
      continue;
    }
    ASSERT_EQ(answer.status, 200u) << answer.body;
    const auto found = embeddings(answer).at(0);
    const auto wanted = floats(one.at("embedding"));
    ASSERT_EQ(found.size(), wanted.size());
    double dot = 0;
    double squares = 0;
    double largest = 0;
    for (std::size_t i = 0; i < found.size(); ++i) {
      dot += static_cast<double>(found[i]) * wanted[i];
      squares += static_cast<double>(wanted[i]) * wanted[i];
      largest = std::fmax(largest, std::fabs(found[i] - wanted[i]));
    }
    EXPECT_GE(dot / std::sqrt(squares), 0.99999) << body;
    EXPECT_LE(largest, 2e-5) << body;
    EXPECT_EQ(answer.header("x-compute-tokens"), std::to_string(one.at("ids").as_array().size()));
    ++cases;
  }
  EXPECT_GE(cases, 60);
}

}  // namespace
}  // namespace tenon::tei
