// How a model comes to serve: what is refused, what is cached, what a batch is made of.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "plugins/tei/batch_plan.h"
#include "sdk/validator/fake_host.h"
#include "tests/plugins/tei/served_model.h"

namespace tenon::tei {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

struct Damage {
  const char* name;
  void (*apply)(const TeiModel&);
  std::vector<std::string> words;
};

void remove(const TeiModel& model, const char* file) {
  std::filesystem::remove(model.folder() + "/" + file);
}

class DamageTest : public testing::TestWithParam<Damage> {};

TEST_P(DamageTest, IsRefusedInASentence) {
  TeiModel model;
  GetParam().apply(model);
  TestHost host;
  std::string message = host.prepare(model.folder());
  if (message.empty()) message = host.load();
  ASSERT_THAT(message, testing::Not(IsEmpty()));
  EXPECT_THAT(message, testing::Not(HasSubstr("\n")));
  for (const auto& word : GetParam().words) EXPECT_THAT(message, HasSubstr(word));
}

INSTANTIATE_TEST_SUITE_P(
    , DamageTest,
    testing::Values(
        Damage{"NoConfig", [](const TeiModel& m) { remove(m, "config.json"); }, {"config.json"}},
        Damage{"TornConfig",
               [](const TeiModel& m) { m.write_file("config.json", R"({"model_type": "bert",)"); },
               {"config.json", "line 1"}},
        Damage{"OtherModel",
               [](const TeiModel& m) { m.write_file("config.json", R"({"model_type":"t5"})"); },
               {"t5", "bert"}},
        Damage{"Classifier",
               [](const TeiModel& m) {
                 m.write_file("config.json",
                              R"({"architectures":["BertForSequenceClassification"]})");
               },
               {"BertForSequenceClassification", "classifier"}},
        Damage{"Dense",
               [](const TeiModel& m) {
                 m.write_file("modules.json", R"([{"type":"sentence_transformers.models.Pooling"},)"
                                              R"({"type":"sentence_transformers.models.Dense"}])");
               },
               {"sentence_transformers.models.Dense"}},
        Damage{"NoWeights",
               [](const TeiModel& m) { remove(m, "model.safetensors"); },
               {"model.safetensors"}},
        Damage{"OnlyAPickle",
               [](const TeiModel& m) {
                 remove(m, "model.safetensors");
                 m.write_file("pytorch_model.bin", "\x80\x04.");
               },
               {"pickle", "model.safetensors"}},
        Damage{"TornWeights",
               [](const TeiModel& m) { m.write_file("model.safetensors", "\x10"); },
               {"model.safetensors"}},
        Damage{"NoTokenizer",
               [](const TeiModel& m) { remove(m, "tokenizer.json"); },
               {"tokenizer.json"}},
        Damage{"TornTokenizer",
               [](const TeiModel& m) { m.write_file("tokenizer.json", "{"); },
               {"tokenizer.json"}},
        Damage{"ForeignTokenizer",
               [](const TeiModel& m) {
                 std::string vocab;
                 for (int i = 0; i < 60; ++i) {
                   vocab += ",\"w" + std::to_string(i) + "\":" + std::to_string(i + 1);
                 }
                 m.write_file("tokenizer.json",
                              R"({"version":"1.0","added_tokens":[],"model":{"type":"WordPiece",)"
                              R"("unk_token":"[UNK]","continuing_subword_prefix":"##",)"
                              R"("max_input_chars_per_word":100,"vocab":{"[UNK]":0)" +
                                  vocab + "}}}");
               },
               {"vocabulary", "61", "50"}},
        Damage{"TornPrompts",
               [](const TeiModel& m) {
                 m.write_file("config_sentence_transformers.json", R"({"prompts":{"query":3}})");
               },
               {"config_sentence_transformers.json", "expected a string"}}),
    [](const auto& info) { return info.param.name; });

TEST(Damage, OfAFileThatMayNotBeReadIsToldApart) {
  if (::geteuid() == 0) GTEST_SKIP() << "root may read everything";
  TeiModel model;
  ::chmod((model.folder() + "/tokenizer.json").c_str(), 0);
  TestHost host;
  EXPECT_THAT(host.prepare(model.folder()), HasSubstr("Permission denied"));
}

TEST(Probe, SaysHowWellAndWhy) {
  TestHost host;
  TeiModel model;
  const auto [score, reason] = host.probe(model.folder());
  EXPECT_GE(score, 50u);
  EXPECT_THAT(reason, HasSubstr("bert"));
  remove(model, "config.json");
  EXPECT_EQ(host.probe(model.folder()).first, 0u);
  EXPECT_THAT(host.probe(model.folder()).second, HasSubstr("config.json"));
}

TEST(Settings, RefuseWhatCannotBe) {
  TeiModel model;
  TestHost host;
  const auto message = [&](const Options& options) {
    return host.prepare(model.folder(), options);
  };
  EXPECT_THAT(message({{"maxBatchTokens", "0"}}), HasSubstr("maxBatchTokens"));
  EXPECT_THAT(message({{"pooling", "median"}}), HasSubstr("median"));
  EXPECT_THAT(message({{"unheardOf", "1"}}), HasSubstr("unheardOf"));
  EXPECT_THAT(message({{"defaultPrompt", "a"}, {"defaultPromptName", "query"}}),
              HasSubstr("at most one"));
  EXPECT_THAT(message({{"defaultPromptName", "other"}}), HasSubstr("[\"query\", \"passage\"]"));
  EXPECT_THAT(message({{"maxBatchTokens", "5"}, {"autoTruncate", "false"}}),
              HasSubstr("maxBatchTokens"));
  EXPECT_EQ(message({{"maxBatchTokens", "5"}}), "");
}

class CacheTest : public testing::Test {
 protected:
  std::string start() {
    std::string message = host_.prepare(model_.folder());
    if (message.empty()) message = host_.load();
    EXPECT_EQ(message, "");
    return host_.post("/embed", R"({"inputs":"the quick brown fox!"})").body;
  }
  TeiModel model_;
  TestHost host_;
};

TEST_F(CacheTest, MakesTheNextStartTheSame) {
  const std::string first = start();
  host_.wait_published(2);
  const auto files = host_.published();
  EXPECT_EQ(start(), first);
  EXPECT_EQ(host_.published(), files);
}

TEST_F(CacheTest, DoesWithoutFilesThatAreDamaged) {
  const std::string first = start();
  host_.wait_published(2);
  for (const auto& [name, content] : host_.published()) {
    for (const std::string& damaged :
         {std::string(), content.substr(0, content.size() / 2), std::string(content.size(), 'x')}) {
      host_.put(name, damaged);
      EXPECT_EQ(start(), first) << name;
    }
    host_.put(name, content);
  }
}

// ---- the ABI ----

TEST(Abi, IsKeptUnderLoadAndWithLittleCredit) {
  TeiModel model;
  TestHost opener;
  validator::FakeHost host(&opener.descriptor());
  const validator::FakeFailure failure = host.start({.path = model.folder(), .name = "minilm"}, 2);
  ASSERT_FALSE(failure) << failure.message;
  const validator::Pairs json{{"content-type", "application/json"}};
  std::vector<tenon_request_id> ids;
  for (int i = 0; i < 60; ++i) {
    ids.push_back(host.submit({.path = "/embed_all",
                               .headers = json,
                               .body = R"({"inputs":["the quick brown fox","dog"]})",
                               .credit = 100}));
    if (i % 3 == 0) host.cancel(ids.back());
  }
  for (std::size_t i = 0; i < ids.size(); ++i) {
    ASSERT_NE(ids[i], 0u);
    if (i % 3 == 0) continue;
    host.wait_body(ids[i], 100);
    host.credit(ids[i], 1 << 20);
    const validator::FakeAnswer answer = host.wait(ids[i]);
    EXPECT_EQ(answer.status, 200u);
    EXPECT_EQ(boost::json::parse(answer.body).as_array().size(), 2u);
    EXPECT_EQ(answer.input_tokens, 9u);
  }
  for (std::size_t i = 0; i < ids.size(); i += 3) EXPECT_TRUE(host.wait(ids[i]).final);
  host.stop();
  EXPECT_THAT(host.violations(), IsEmpty());
}

// ---- batches ----

using Indices = std::vector<std::size_t>;

TEST(BatchPlan, TakesInOrderWhatFits) {
  EXPECT_EQ(plan_batch(std::vector<std::uint32_t>{10, 20, 30}, 256, 64), (Indices{0, 1, 2}));
  EXPECT_EQ(plan_batch(std::vector<std::uint32_t>{100, 100, 100, 50}, 256, 64), (Indices{0, 1, 3}));
  EXPECT_EQ(plan_batch(std::vector<std::uint32_t>{256, 1}, 256, 0), (Indices{0}));
}

TEST(BatchPlan, NeverLeavesTheOldestOut) {
  EXPECT_EQ(plan_batch(std::vector<std::uint32_t>{512, 512, 40, 30, 20}, 256, 64),
            (Indices{0, 2, 4}));
  EXPECT_EQ(plan_batch(std::vector<std::uint32_t>{512, 512}, 256, 64), (Indices{0}));
}

}  // namespace
}  // namespace tenon::tei
