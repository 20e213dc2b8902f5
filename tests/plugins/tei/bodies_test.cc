// Request bodies against what TEI's own framework says to them.

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <functional>
#include <map>
#include <string>

#include "plugins/tei/answer.h"
#include "plugins/tei/requests.h"

namespace tenon::tei {
namespace {

std::string unescape(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      out += text[i];
    } else if (text[++i] == 'x') {
      out += static_cast<char>(std::stoi(std::string(text.substr(i + 1, 2)), nullptr, 16));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

template <class T>
std::string verdict(const Parsed<T>& parsed) {
  if (parsed) return "200";
  const Answer answer = answer_unreadable(parsed.error());
  EXPECT_EQ(answer.content_type, "text/plain; charset=utf-8");
  return std::to_string(answer.status) + " " + answer.body;
}

TEST(Bodies, GetTheFrameworksWords) {
  const std::map<std::string, std::function<std::string(std::string_view)>, std::less<>> readers{
      {"embed", [](std::string_view body) { return verdict(parse_embed(body)); }},
      {"embed_all", [](std::string_view body) { return verdict(parse_embed_all(body)); }},
      {"openai", [](std::string_view body) { return verdict(parse_openai(body)); }},
      {"similarity", [](std::string_view body) { return verdict(parse_similarity(body)); }},
      {"tokenize", [](std::string_view body) { return verdict(parse_tokenize(body)); }},
      {"decode", [](std::string_view body) { return verdict(parse_decode(body)); }},
      {"predict", [](std::string_view body) { return verdict(parse_predict(body)); }},
      {"rerank", [](std::string_view body) { return verdict(parse_rerank(body)); }},
  };
  std::ifstream file(std::string(std::getenv("TENON_SOURCE_DIR")) +
                     "/tests/plugins/tei/bodies.tsv");
  ASSERT_TRUE(file) << "bodies.tsv cannot be read";
  int cases = 0;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with('#')) continue;
    const std::size_t first = line.find('\t');
    const std::size_t second = line.find('\t', first + 1);
    const std::string body = unescape(line.substr(first + 1, second - first - 1));
    EXPECT_EQ(readers.find(line.substr(0, first))->second(body), unescape(line.substr(second + 1)))
        << line;
    ++cases;
  }
  EXPECT_GT(cases, 200);
}

TEST(Bodies, GiveTheirValues) {
  auto embed = parse_embed(
      R"({"inputs":["a\u00e9",[7,8],"c"],"truncate":false,"truncation_direction":"left",
          "prompt_name":"query","normalize":false,"dimensions":12,"other":[1,{"x":null}]})");
  ASSERT_TRUE(embed);
  EXPECT_FALSE(embed->inputs.single);
  using Ids = std::vector<std::uint32_t>;
  EXPECT_EQ(embed->inputs.values, (std::vector<Input>{"aé", Ids{7, 8}, "c"}));
  EXPECT_EQ(embed->truncate, false);
  EXPECT_EQ(embed->direction, Truncation::kLeft);
  EXPECT_EQ(embed->prompt_name, "query");
  EXPECT_FALSE(embed->normalize);
  EXPECT_EQ(embed->dimensions, 12u);

  EXPECT_TRUE(parse_embed(R"({"inputs":"a"})")->normalize);
  EXPECT_TRUE(parse_embed(R"({"inputs":"a"})")->inputs.single);
  EXPECT_EQ(parse_embed(R"(["a",true,"left",null,false,4])")->dimensions, 4u);

  auto openai = parse_openai(R"({"input":"a","encoding_format":"base64","model":"m"})");
  EXPECT_EQ(openai->format, EmbeddingFormat::kBase64);
  EXPECT_EQ(openai->model, "m");

  auto predict = parse_predict(R"({"inputs":[["a"],["b","c"]]})");
  EXPECT_FALSE(predict->single);
  EXPECT_EQ(predict->inputs, (std::vector<Sequence>{{"a", std::nullopt}, {"b", "c"}}));
  auto pair = parse_predict(R"({"inputs":["a","b"]})");
  EXPECT_TRUE(pair->single);
  EXPECT_EQ(pair->inputs, (std::vector<Sequence>{{"a", "b"}}));
}

TEST(Bodies, ListOfIdsIsOneInputAndAnEmptyListToo) {
  using Ids = std::vector<std::uint32_t>;
  auto flat = parse_embed(R"({"inputs":[1,2]})");
  EXPECT_TRUE(flat->inputs.single);
  EXPECT_EQ(flat->inputs.values, (std::vector<Input>{Ids{1, 2}}));
  auto none = parse_embed(R"({"inputs":[]})");
  EXPECT_TRUE(none->inputs.single);
  EXPECT_EQ(none->inputs.values, (std::vector<Input>{Ids{}}));
  auto nested = parse_embed(R"({"inputs":[[],[1],[],[2,3]]})");
  EXPECT_FALSE(nested->inputs.single);
  EXPECT_EQ(nested->inputs.values, (std::vector<Input>{Ids{}, Ids{1}, Ids{}, Ids{2, 3}}));
}

}  // namespace
}  // namespace tenon::tei
