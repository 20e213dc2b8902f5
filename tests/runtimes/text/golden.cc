#include "tests/runtimes/text/golden.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "tests/runtimes/text/support.h"

namespace tenon::text {
namespace {

namespace json = boost::json;
using Ids = std::vector<std::uint32_t>;

Ids numbers(const json::object& test, std::string_view key) {
  return json::value_to<Ids>(test.at(key));
}

std::vector<Token> tokens_of(const json::object& test) {
  const auto ids = numbers(test, "ids");
  const auto special = numbers(test, "special");
  const auto offsets = json::value_to<std::vector<Ids>>(test.at("offsets"));
  std::vector<Token> tokens;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    tokens.push_back({ids[i], 0, offsets[i].at(0), offsets[i].at(1), special.at(i) != 0});
  }
  return tokens;
}

}  // namespace

void expect_golden(const Tokenizer& tokenizer, const std::string& golden_path) {
  const auto parsed = json::parse(read_file(golden_path));
  ASSERT_GE(parsed.as_array().size(), 100u);
  for (const auto& value : parsed.as_array()) {
    const auto& test = value.as_object();
    const auto text = json::value_to<std::string>(test.at("text"));
    SCOPED_TRACE(testing::PrintToString(text));
    EXPECT_EQ(tokenizer.encode(text, {}).value(), tokens_of(test));
    for (const auto& [key, side] :
         {std::pair{"right", Direction::kRight}, {"left", Direction::kLeft}}) {
      Ids ids;
      ASSERT_TRUE(tokenizer.encode_ids(text, {true, Truncation{8, side}}, ids));
      EXPECT_EQ(ids, numbers(test, key)) << key;
    }
    EXPECT_EQ(tokenizer.decode(numbers(test, "ids"), true),
              json::value_to<std::string>(test.at("decoded")));
  }
}

}  // namespace tenon::text
