#include "runtimes/encoder/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

namespace tenon::encoder {
namespace {

using testing::HasSubstr;

class ConfigTest : public testing::Test {
 protected:
  ConfigTest() {
    std::string name = (std::filesystem::temp_directory_path() / "tenon-config-XXXXXX").string();
    folder_ = mkdtemp(name.data());
    write("config.json", with("", ""));
  }
  ~ConfigTest() override { std::filesystem::remove_all(folder_); }

  // A good config.json with one text replaced.
  static std::string with(const std::string& old, const std::string& replacement) {
    std::string text =
        R"({"model_type": "bert", "hidden_act": "gelu", "position_embedding_type": "absolute",
      "hidden_size": 384, "num_hidden_layers": 6, "num_attention_heads": 12, "intermediate_size": 1536,
      "vocab_size": 30522, "max_position_embeddings": 512, "type_vocab_size": 2, "layer_norm_eps": 1e-12})";
    if (!old.empty()) text.replace(text.find(old), old.size(), replacement);
    return text;
  }

  void write(const std::string& name, const std::string& content) const {
    std::filesystem::create_directories((folder_ / name).parent_path());
    std::ofstream(folder_ / name) << content;
  }

  Result<EncoderConfig> read() const { return EncoderConfig::from_folder(folder_.string()); }

  std::string error_of(const std::string& old, const std::string& replacement) const {
    write("config.json", with(old, replacement));
    const auto config = read();
    return config ? "" : config.error().message;
  }

  std::filesystem::path folder_;
};

TEST_F(ConfigTest, ReadsWhatTheFilesSay) {
  write("1_Pooling/config.json",
        R"({"pooling_mode_cls_token": false, "pooling_mode_mean_tokens": true})");
  write("sentence_bert_config.json", R"({"max_seq_length": 256, "do_lower_case": false})");
  const auto config = read();
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->hidden, 384U);
  EXPECT_EQ(config->layers, 6U);
  EXPECT_EQ(config->heads, 12U);
  EXPECT_EQ(config->intermediate, 1536U);
  EXPECT_EQ(config->vocabulary, 30522U);
  EXPECT_EQ(config->positions, 512U);
  EXPECT_EQ(config->token_types, 2U);
  EXPECT_EQ(config->layer_norm_eps, 1e-12);
  EXPECT_EQ(config->pooling, Pooling::kMean);
  EXPECT_EQ(config->max_tokens, 256U);
}

TEST_F(ConfigTest, WithoutTheOtherFilesItIsClsAndAllPositions) {
  const auto config = read();
  ASSERT_TRUE(config);
  EXPECT_EQ(config->pooling, Pooling::kCls);
  EXPECT_EQ(config->max_tokens, 512U);
}

TEST_F(ConfigTest, TheLengthNeverExceedsThePositions) {
  write("sentence_bert_config.json", R"({"max_seq_length": 9999})");
  EXPECT_EQ(read()->max_tokens, 512U);
  write("sentence_bert_config.json", R"({"max_seq_length": null})");
  EXPECT_EQ(read()->max_tokens, 512U);
  write("sentence_bert_config.json", R"({"max_seq_length": -1})");
  EXPECT_FALSE(read());
}

TEST_F(ConfigTest, TheUnknownIsRefusedByNameWithTheKnown) {
  EXPECT_THAT(error_of(R"("bert")", R"("perceiver")"),
              testing::AllOf(HasSubstr("perceiver"), HasSubstr("bert")));
  EXPECT_THAT(error_of(R"("gelu")", R"("relu")"),
              testing::AllOf(HasSubstr("relu"), HasSubstr("\"gelu\"")));
  EXPECT_THAT(error_of(R"("absolute")", R"("alibi")"),
              testing::AllOf(HasSubstr("alibi"), HasSubstr("absolute")));
  EXPECT_THAT(
      error_of(R"("layer_norm_eps")", R"("auto_map": {"AutoConfig": "x"}, "layer_norm_eps")"),
      HasSubstr("auto_map"));
}

TEST_F(ConfigTest, OddNumbersAreRefused) {
  for (const auto* value :
       {"0", "-384", "3.5", "\"384\"", "null", "18446744073709551615", "1e400", "100000"}) {
    EXPECT_THAT(error_of("384", value), HasSubstr("config.json")) << value;
  }
  EXPECT_THAT(error_of("384", "385"), HasSubstr("385 is not a multiple of num_attention_heads 12"));
  EXPECT_THAT(error_of("\"hidden_size\": 384,", ""), HasSubstr("has no hidden_size"));
  EXPECT_THAT(error_of("1e-12", "-1"), HasSubstr("layer_norm_eps"));
  EXPECT_THAT(error_of("1e-12", "\"x\""), HasSubstr("layer_norm_eps"));
}

TEST_F(ConfigTest, ATornOrMissingFileIsNamed) {
  write("config.json", R"({"model_type": "bert", )");
  EXPECT_THAT(read().error().message, HasSubstr("config.json is not JSON"));
  write("config.json", "[]");
  EXPECT_THAT(read().error().message, HasSubstr("config.json is not a JSON object"));
  write("config.json", "{}");
  EXPECT_THAT(read().error().message, HasSubstr("no model_type"));
  write("config.json", "");
  EXPECT_THAT(read().error().message, HasSubstr("config.json is empty"));
  std::filesystem::remove(folder_ / "config.json");
  EXPECT_THAT(read().error().message, HasSubstr("config.json"));
  EXPECT_EQ(read().error().kind, Error::Kind::kNotFound);
  std::filesystem::create_directory(folder_ / "config.json");
  EXPECT_THAT(read().error().message, HasSubstr("config.json is not a regular file"));
}

TEST_F(ConfigTest, APoolingThatIsNotKnownIsRefused) {
  write("1_Pooling/config.json",
        R"({"pooling_mode_mean_tokens": false, "pooling_mode_weightedmean_tokens": true})");
  EXPECT_THAT(read().error().message, HasSubstr("1_Pooling/config.json"));
  EXPECT_THAT(pooling_of("median").error().message,
              testing::AllOf(HasSubstr("median"), HasSubstr("cls")));
  EXPECT_EQ(pooling_of("max"), Pooling::kMax);
  EXPECT_EQ(name_of(Pooling::kMean), "mean");
}

}  // namespace
}  // namespace tenon::encoder
