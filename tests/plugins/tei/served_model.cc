#include "tests/plugins/tei/served_model.h"

#include <cstdlib>
#include <fstream>
#include <sstream>

namespace tenon::tei {

TeiModel::TeiModel() {
  write_weights();
  std::ifstream file(std::string(std::getenv("TENON_SOURCE_DIR")) +
                     "/tests/runtimes/text/data/small_wordpiece.json");
  std::stringstream tokenizer;
  tokenizer << file.rdbuf();
  write_file("tokenizer.json", tokenizer.str());
  write_file("1_Pooling/config.json",
             R"({"pooling_mode_cls_token": false, "pooling_mode_mean_tokens": true})");
  write_file("sentence_bert_config.json", R"({"max_seq_length": 12})");
  write_file("config_sentence_transformers.json",
             R"({"prompts": {"query": "the fox ", "passage": "dog "}})");
}

std::vector<float> floats(const boost::json::value& list) {
  std::vector<float> values;
  for (const auto& value : list.as_array()) values.push_back(value.to_number<float>());
  return values;
}

std::vector<std::vector<float>> embeddings(const TestAnswer& answer) {
  std::vector<std::vector<float>> all;
  const boost::json::value parsed = boost::json::parse(answer.body);
  for (const auto& one : parsed.as_array()) all.push_back(floats(one));
  return all;
}

}  // namespace tenon::tei
