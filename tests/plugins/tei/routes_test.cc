// The routes of the built plugin, on a small model.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "tests/plugins/tei/served_model.h"

namespace tenon::tei {
namespace {

using testing::HasSubstr;

class RoutesTest : public testing::Test {
 protected:
  void start(const Options& options = {}) {
    ASSERT_EQ(host_.prepare(model_.folder(), options), "");
    ASSERT_EQ(host_.load(), "");
  }
  void SetUp() override { start(); }

  std::vector<float> embed(const std::string& body) {
    const TestAnswer answer = host_.post("/embed", body);
    EXPECT_EQ(answer.status, 200u) << answer.body;
    const auto all = embeddings(answer);
    EXPECT_EQ(all.size(), 1u);
    return all.at(0);
  }
  void expect_error(const TestAnswer& answer, unsigned status, const std::string& body) {
    EXPECT_EQ(answer.status, status);
    EXPECT_EQ(answer.body, body);
    EXPECT_EQ(answer.header("content-type"), "application/json");
    EXPECT_EQ(answer.header("access-control-allow-origin"), "*");
  }

  TeiModel model_;
  TestHost host_;
};

double length(const std::vector<float>& v) {
  double sum = 0;
  for (const float x : v) sum += static_cast<double>(x) * x;
  return std::sqrt(sum);
}

TEST_F(RoutesTest, EmbedsOneTextAsAListOfOne) {
  const TestAnswer answer = host_.post("/embed", R"({"inputs":"the quick brown fox"})");
  EXPECT_EQ(answer.status, 200u);
  const auto all = embeddings(answer);
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].size(), encoder::SmallModel::kHidden);
  EXPECT_NEAR(length(all[0]), 1, 1e-6);
  EXPECT_EQ(answer.tokens, 6u);
  EXPECT_EQ(answer.header("content-type"), "application/json");
  EXPECT_EQ(answer.header("x-compute-type"), "gpu+optimized");
  EXPECT_EQ(answer.header("x-compute-characters"), "19");
  EXPECT_EQ(answer.header("x-compute-tokens"), "6");
  for (const char* name : {"x-compute-time", "x-total-time", "x-tokenization-time", "x-queue-time",
                           "x-inference-time"}) {
    EXPECT_THAT(answer.header(name), testing::MatchesRegex("[0-9]+")) << name;
  }
  EXPECT_EQ(answer.header("vary"),
            "origin, access-control-request-method, access-control-request-headers");
}

TEST_F(RoutesTest, CompanyInABatchChangesNothing) {
  const TestAnswer answer =
      host_.post("/", R"({"inputs":["the fox","over the lazy dog. the quick brown fox","a"]})");
  const auto all = embeddings(answer);
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[0], embed(R"({"inputs":"the fox"})"));
  EXPECT_EQ(all[1], embed(R"({"inputs":"over the lazy dog. the quick brown fox"})"));
  EXPECT_EQ(all[2], embed(R"({"inputs":["a"]})"));
}

TEST_F(RoutesTest, CutsDimensionsBeforeItScales) {
  const auto raw = embed(R"({"inputs":"the fox","normalize":false})");
  const auto cut = embed(R"({"inputs":"the fox","dimensions":8})");
  ASSERT_EQ(cut.size(), 8u);
  EXPECT_NEAR(length(cut), 1, 1e-6);
  const double scale = length({raw.begin(), raw.begin() + 8});
  for (std::size_t i = 0; i < 8; ++i) EXPECT_NEAR(cut[i], raw[i] / scale, 1e-6);
  EXPECT_EQ(embed(R"({"inputs":"the fox","dimensions":36})").size(), 36u);
}

TEST_F(RoutesTest, RefusesDimensionsThatNoModelHas) {
  expect_error(host_.post("/embed", R"({"inputs":"a","dimensions":0})"), 422,
               R"({"error":"Input validation error: `dimensions` should be positive",)"
               R"("error_type":"Validation"})");
  expect_error(host_.post("/embed", R"({"inputs":"a","dimensions":37})"), 422,
               R"({"error":"Input validation error: `dimensions` should be smaller than the )"
               R"(maximum embedding dimension.","error_type":"Validation"})");
  expect_error(host_.post("/v1/embeddings", R"({"input":"a","dimensions":37})"), 422,
               R"({"message":"Input validation error: `dimensions` should be smaller than the )"
               R"(maximum embedding dimension.","code":422,"type":"Validation"})");
}

TEST_F(RoutesTest, DecodesIdsAndEncodesThemAgain) {
  EXPECT_EQ(embed(R"({"inputs":[2,5,8,3]})"), embed(R"({"inputs":"the fox"})"));
  // Special tokens are kept as they are given, none is added.
  EXPECT_NE(embed(R"({"inputs":[5,8]})"), embed(R"({"inputs":"the fox"})"));
  EXPECT_EQ(host_.post("/embed", R"({"inputs":[[5,8],"a"]})").header("x-compute-characters"), "3");
  // With a prompt they become text without special tokens.
  EXPECT_EQ(embed(R"({"inputs":[2,15,3],"prompt_name":"query"})"),
            embed(R"({"inputs":"the fox dog"})"));
}

TEST_F(RoutesTest, RefusesEmptyInputs) {
  const std::string empty =
      R"({"error":"Input validation error: `inputs` cannot be empty","error_type":"Empty"})";
  for (const char* inputs : {R"("")", "[]", "[[]]", R"(["a",""])"}) {
    expect_error(host_.post("/embed", std::string(R"({"inputs":)") + inputs + "}"), 400, empty);
  }
  expect_error(host_.post("/v1/embeddings", R"({"input":[]})"), 400,
               R"({"message":"Input validation error: `inputs` cannot be empty","code":400,)"
               R"("type":"Empty"})");
}

TEST_F(RoutesTest, TruncatesOnTheWantedSide) {
  const std::string words = "the quick brown fox over the lazy dog a b the fox quick brown";
  EXPECT_EQ(host_.post("/embed", R"({"inputs":")" + words + R"("})").header("x-compute-tokens"),
            "12");
  EXPECT_EQ(embed(R"({"inputs":")" + words + R"("})"),
            embed(R"({"inputs":"the quick brown fox over the lazy dog a"})"));
  EXPECT_EQ(embed(R"({"inputs":")" + words + R"(","truncation_direction":"left"})"),
            embed(R"({"inputs":"the lazy dog a b the fox quick brown"})"));
  expect_error(host_.post("/embed", R"({"inputs":")" + words + R"(","truncate":false})"), 422,
               R"({"error":"Input validation error: `inputs` must have less than 12 tokens. )"
               R"(Given: 17","error_type":"Validation"})");
}

TEST_F(RoutesTest, CountsCharactersBeforeItTokenizes) {
  const std::string text(3001, 'a');
  const std::string error =
      R"({"error":"Input validation error: `inputs` must have less than 3000 characters. )"
      R"(Given: 3001","error_type":"Validation"})";
  expect_error(host_.post("/embed", R"({"inputs":")" + text + R"(","truncate":false})"), 422,
               error);
  expect_error(host_.post("/tokenize", R"({"inputs":")" + text + R"("})"), 422, error);
  EXPECT_EQ(host_.post("/embed", R"({"inputs":")" + text + R"("})").status, 200u);
}

TEST_F(RoutesTest, FirstErrorInInputOrderFailsTheBatch) {
  const std::string many = "a b a b a b a b a b a b a b";
  const TestAnswer answer =
      host_.post("/embed", R"({"inputs":["the fox",")" + many + R"(",""],"truncate":false})");
  EXPECT_THAT(answer.body, HasSubstr("must have less than 12 tokens. Given: 16"));
  EXPECT_EQ(answer.status, 422u);
}

TEST_F(RoutesTest, RefusesListsThatAreTooLong) {
  std::string inputs = "\"a\"";
  for (int i = 0; i < 32; ++i) inputs += ",\"a\"";
  const std::string error =
      R"({"error":"batch size 33 > maximum allowed batch size 32","error_type":"Validation"})";
  expect_error(host_.post("/embed", R"({"inputs":[)" + inputs + "]}"), 422, error);
  expect_error(host_.post("/tokenize", R"({"inputs":[)" + inputs + "]}"), 422, error);
  const std::string thirty_two = inputs.substr(4);
  expect_error(host_.post("/similarity",
                          R"({"inputs":{"source_sentence":"a","sentences":[)" + thirty_two + "]}}"),
               422, error);
  EXPECT_EQ(host_.post("/embed", R"({"inputs":[)" + thirty_two + "]}").status, 200u);
}

TEST_F(RoutesTest, AdmitsOnlySoManyInputsAtOnce) {
  start({{"maxConcurrentRequests", "2"}});
  expect_error(host_.post("/embed", R"({"inputs":["a","b","a"]})"), 429,
               R"({"error":"Model is overloaded","error_type":"Overloaded"})");
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(host_.post("/embed", R"({"inputs":["a","b"]})").status, 200u);
  }
}

TEST_F(RoutesTest, PutsPromptsInFront) {
  EXPECT_EQ(embed(R"({"inputs":"dog","prompt_name":"query"})"),
            embed(R"({"inputs":"the fox dog"})"));
  expect_error(
      host_.post("/embed", R"({"inputs":"dog","prompt_name":"other"})"), 422,
      R"({"error":"Input validation error: `default-prompt-name` is set to `other` but it )"
      R"(was not found in the Sentence Transformers prompts. Available prompts: )"
      R"([\"query\", \"passage\"]","error_type":"Validation"})");
  start({{"defaultPromptName", "passage"}});
  const auto prompted = embed(R"({"inputs":"a"})");
  start();
  EXPECT_EQ(prompted, embed(R"({"inputs":"dog a"})"));
}

TEST_F(RoutesTest, EmbedsEveryToken) {
  const TestAnswer answer = host_.post("/embed_all", R"({"inputs":["the fox","a"]})");
  EXPECT_EQ(answer.status, 200u);
  const auto parsed = boost::json::parse(answer.body).as_array();
  ASSERT_EQ(parsed.size(), 2u);
  ASSERT_EQ(parsed[0].as_array().size(), 4u);  // [CLS] the fox [SEP]
  EXPECT_EQ(parsed[1].as_array().size(), 3u);
  std::vector<float> mean(encoder::SmallModel::kHidden);
  for (const auto& token : parsed[0].as_array()) {
    const auto row = floats(token);
    ASSERT_EQ(row.size(), mean.size());
    for (std::size_t i = 0; i < mean.size(); ++i) mean[i] += row[i] / 4;
  }
  const auto pooled = embed(R"({"inputs":"the fox","normalize":false})");
  for (std::size_t i = 0; i < mean.size(); ++i) EXPECT_NEAR(pooled[i], mean[i], 1e-5);
}

TEST_F(RoutesTest, AnswersOpenAiInBothFormats) {
  const TestAnswer plain = host_.post("/v1/embeddings", R"({"input":["the fox","a"],"model":"x"})");
  const TestAnswer packed =
      host_.post("/embeddings", R"({"input":["the fox","a"],"encoding_format":"base64"})");
  EXPECT_THAT(plain.body, testing::StartsWith(
                              R"({"object":"list","data":[{"object":"embedding","embedding":[)"));
  EXPECT_THAT(plain.body,
              testing::EndsWith(R"(,"index":1}],"model":"minilm","usage":{"prompt_tokens":7,)"
                                R"("total_tokens":7}})"));
  const auto wanted = embed(R"({"inputs":"the fox"})");
  const auto found = boost::json::parse(plain.body).at("data").as_array();
  EXPECT_EQ(floats(found[0].at("embedding")), wanted);
  const auto text = boost::json::parse(packed.body).at("data").as_array()[0].at("embedding");
  EXPECT_EQ(text.as_string().size(), 192u);  // 36 × 4 bytes
}

TEST_F(RoutesTest, ComparesSentences) {
  const TestAnswer answer = host_.post(
      "/similarity", R"({"inputs":{"source_sentence":"the fox","sentences":["the fox","dog"]}})");
  EXPECT_EQ(answer.status, 200u);
  const auto scores = floats(boost::json::parse(answer.body));
  ASSERT_EQ(scores.size(), 2u);
  EXPECT_NEAR(scores[0], 1, 1e-6);
  const auto a = embed(R"({"inputs":"the fox"})");
  const auto b = embed(R"({"inputs":"dog"})");
  double dot = 0;
  for (std::size_t i = 0; i < a.size(); ++i) dot += a[i] * b[i];
  EXPECT_NEAR(scores[1], dot, 1e-5);
  EXPECT_EQ(answer.header("x-compute-characters"), "17");
  expect_error(host_.post("/similarity", R"({"inputs":{"source_sentence":"a","sentences":[]}})"),
               400, R"({"error":"`inputs.sentences` cannot be empty","error_type":"Empty"})");
}

TEST_F(RoutesTest, ListsTokensWithTheirPlaces) {
  const TestAnswer answer = host_.post("/tokenize", R"({"inputs":"The cafés!"})");
  EXPECT_EQ(answer.status, 200u);
  EXPECT_EQ(answer.body, R"([[{"id":2,"text":"[CLS]","special":true,"start":null,"stop":null},)"
                         R"({"id":5,"text":"The","special":false,"start":0,"stop":3},)"
                         R"({"id":22,"text":"café","special":false,"start":4,"stop":9},)"
                         R"({"id":10,"text":"s","special":false,"start":9,"stop":10},)"
                         R"({"id":18,"text":"!","special":false,"start":10,"stop":11},)"
                         R"({"id":3,"text":"[SEP]","special":true,"start":null,"stop":null}]])");
  EXPECT_EQ(answer.header("x-compute-type"), "");
  EXPECT_EQ(host_.post("/tokenize", R"({"inputs":["a"],"add_special_tokens":false})").body,
            R"([[{"id":25,"text":"a","special":false,"start":0,"stop":1}]])");
  expect_error(host_.post("/tokenize", R"({"inputs":[]})"), 400,
               R"({"error":"`inputs` cannot be empty","error_type":"Empty"})");
}

TEST_F(RoutesTest, DecodesIds) {
  EXPECT_EQ(host_.post("/decode", R"({"ids":[2,5,6,3]})").body, R"(["the quick"])");
  EXPECT_EQ(host_.post("/decode", R"({"ids":[[5],[2,8]],"skip_special_tokens":false})").body,
            R"(["the","[CLS] fox"])");
  expect_error(
      host_.post("/decode", R"({"ids":[]})"), 400,
      R"({"error":"Input validation error: `input_ids` cannot be empty","error_type":"Empty"})");
}

TEST_F(RoutesTest, TellsWhatItIs) {
  start({{"servedModelName", "my model"}, {"autoTruncate", "false"}, {"maxBatchTokens", "100"}});
  EXPECT_EQ(host_.call("GET", "/info").body,
            R"({"model_id":"minilm","model_sha":null,"model_dtype":"float32",)"
            R"("served_model_name":"my model","model_type":{"embedding":{"pooling":"mean"}},)"
            R"("max_concurrent_requests":512,"max_input_length":12,"max_batch_tokens":100,)"
            R"("max_batch_requests":null,"max_client_batch_size":32,"auto_truncate":false,)"
            R"("tokenization_workers":2,"version":"1.9.3","sha":null,"docker_label":null})");
  start({{"pooling", "cls"}});
  EXPECT_THAT(host_.call("GET", "/info").body, HasSubstr(R"({"embedding":{"pooling":"cls"}})"));
}

TEST_F(RoutesTest, IsHealthy) {
  for (const char* path : {"/", "/health", "/ping"}) {
    const TestAnswer answer = host_.call("GET", path, "", "");
    EXPECT_EQ(answer.status, 200u);
    EXPECT_EQ(answer.body, "");
  }
  EXPECT_EQ(host_.call("HEAD", "/info").body, "");
  EXPECT_EQ(host_.call("HEAD", "/info").header("content-type"), "application/json");
}

TEST_F(RoutesTest, CountsUnderTeisNames) {
  EXPECT_EQ(host_.call("GET", "/metrics").body, "");
  host_.post("/embed", R"({"inputs":"the fox"})");
  host_.post("/embed", R"({"inputs":["a",""]})");
  const TestAnswer answer = host_.call("GET", "/metrics");
  EXPECT_EQ(answer.header("content-type"), "text/plain; charset=utf-8");
  for (const char* line :
       {"# TYPE te_request_count counter\n", "te_request_count{method=\"single\"} 1\n",
        "te_request_count{method=\"batch\"} 1\n", "te_request_success{method=\"single\"} 1\n",
        "te_request_failure{err=\"tokenization\"} 1\n", "te_embed_success 1\n",
        "# TYPE te_queue_size gauge\n", "te_queue_size 0\n",
        "te_request_duration_bucket{le=\"+Inf\"} 1\n", "te_request_duration_count 1\n",
        "te_request_input_length_bucket{le=\"8\"} 2\n", "te_batch_next_size_bucket{le=\"1\"} 1\n",
        "te_batch_next_tokens_sum 4\n"}) {
    EXPECT_THAT(answer.body, HasSubstr(line));
  }
}

TEST_F(RoutesTest, SaysWhatThisModelIsNot) {
  const std::string no_classifier =
      R"({"error":"Backend error: Model is not a classifier model","error_type":"Backend"})";
  expect_error(host_.post("/predict", R"({"inputs":"a"})"), 424, no_classifier);
  expect_error(host_.post("/predict", R"({"inputs":[["a"],["a","b"]]})"), 424, no_classifier);
  expect_error(
      host_.post("/rerank", R"({"query":"a","texts":["b"]})"), 424,
      R"({"error":"Backend error: model is not a re-ranker model","error_type":"Backend"})");
  expect_error(host_.post("/rerank", R"({"query":"a","texts":[]})"), 400,
               R"({"error":"`texts` cannot be empty","error_type":"Empty"})");
  expect_error(host_.post("/embed_sparse", R"({"inputs":"a"})"), 424,
               R"({"error":"Backend error: Model is not an embedding model with SPLADE pooling",)"
               R"("error_type":"Backend"})");
}

TEST_F(RoutesTest, ChecksInTheFrameworksOrder) {
  EXPECT_EQ(host_.call("GET", "/embed").status, 405u);
  EXPECT_EQ(host_.call("POST", "/nothing", "{").status, 404u);
  const TestAnswer form = host_.call("POST", "/embed", "{", "text/plain");
  EXPECT_EQ(form.status, 415u);
  EXPECT_EQ(form.body, "Expected request with `Content-Type: application/json`");
  EXPECT_EQ(host_.call("POST", "/embed", "{", "").status, 415u);
  start({{"payloadLimit", "30"}});
  const TestAnswer large = host_.post("/embed", std::string(31, '{'));
  EXPECT_EQ(large.status, 413u);
  EXPECT_EQ(large.body, "Failed to buffer the request body: length limit exceeded");
  const TestAnswer torn = host_.post("/embed", std::string(30, '{'));
  EXPECT_EQ(torn.status, 400u);
  EXPECT_EQ(torn.body,
            "Failed to parse the request body as JSON: key must be a string at line 1 column 2");
  EXPECT_EQ(torn.header("access-control-allow-origin"), "*");
}

TEST_F(RoutesTest, RootMayMeanSimilarity) {
  host_.env["TASK"] = "sentence-similarity";
  start();
  const std::string body = R"({"inputs":{"source_sentence":"a","sentences":["a"]}})";
  EXPECT_EQ(host_.post("/", body).status, 200u);
  EXPECT_EQ(host_.post("/invocations", body).status, 200u);
  EXPECT_EQ(host_.post("/", R"({"inputs":"a"})").status, 422u);
}

TEST_F(RoutesTest, EveryOneOfManyGetsItsOwnAnswer) {
  const std::vector<std::string> words{"the", "quick", "brown", "fox", "over", "lazy", "dog", "a"};
  std::vector<std::string> bodies;
  for (int i = 0; i < 200; ++i) {
    std::string text;
    for (int k = 0; k <= i % 9; ++k) text += words[static_cast<std::size_t>(i / (k + 1)) % 8] + " ";
    bodies.push_back(R"({"inputs":")" + text + R"("})");
  }
  std::vector<std::vector<float>> wanted;
  for (const auto& body : bodies) wanted.push_back(embed(body));
  std::vector<tenon_request_id> ids;
  for (const auto& body : bodies) ids.push_back(host_.submit("POST", "/embed", body));
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const TestAnswer answer = host_.wait(ids[i]);
    ASSERT_EQ(answer.status, 200u) << answer.body;
    EXPECT_EQ(embeddings(answer).at(0), wanted[i]) << bodies[i];
  }
}

TEST_F(RoutesTest, CancelledRequestsAreEnded) {
  std::vector<tenon_request_id> ids;
  for (int i = 0; i < 50; ++i) ids.push_back(host_.submit("POST", "/embed", R"({"inputs":"a"})"));
  for (std::size_t i = 0; i < ids.size(); i += 2) host_.cancel(ids[i]);
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const TestAnswer answer = host_.wait(ids[i]);
    if (answer.status != 200) {
      EXPECT_EQ(answer.error, TENON_CANCELLED);
      EXPECT_EQ(i % 2, 0u);
    }
  }
  EXPECT_EQ(host_.post("/embed", R"({"inputs":"a"})").status, 200u);
}

TEST_F(RoutesTest, UnloadsUnderLoadWithoutLosingARequest) {
  std::vector<tenon_request_id> ids;
  for (int i = 0; i < 100; ++i) ids.push_back(host_.submit("POST", "/embed", R"({"inputs":"a"})"));
  host_.unload();
  for (const tenon_request_id id : ids) {
    const TestAnswer answer = host_.wait(id);
    EXPECT_TRUE(answer.status == 200 || answer.error == TENON_UNAVAILABLE);
  }
}

}  // namespace
}  // namespace tenon::tei
