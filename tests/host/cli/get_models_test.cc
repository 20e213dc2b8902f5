#include "host/cli/get_models.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <sstream>
#include <thread>

namespace tenon::cli {
namespace {

using boost::asio::ip::tcp;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* kBody =
    R"({"items":[{"metadata":{"workspace":"default","name":"minilm","environment":"production"},
"status":{"runtime":"tei","state":"DEPLOYED","replicas":{"ready":1,"starting":2},"queued":3,
"memoryBytes":95500000,"lastColdStart":{"totalMs":7.25},"lastError":null}},
{"metadata":{"name":"x\ny"}}],"next":null})";

// Answers one request with these bytes.
class OneAnswer {
 public:
  explicit OneAnswer(std::string answer)
      : acceptor_(context_, {boost::asio::ip::make_address("127.0.0.1"), 0}),
        thread_([this, answer = std::move(answer)] {
          tcp::socket socket = acceptor_.accept();
          boost::system::error_code error;
          boost::asio::read_until(socket, boost::asio::dynamic_buffer(request), "\r\n\r\n", error);
          boost::asio::write(socket, boost::asio::buffer(answer), error);
        }) {}
  ~OneAnswer() { join(); }
  void join() {
    if (thread_.joinable()) thread_.join();
  }
  std::string url() const {
    return "http://127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port());
  }

  std::string request;  // after join()

 private:
  boost::asio::io_context context_;
  tcp::acceptor acceptor_;
  std::thread thread_;
};

struct Ran {
  int status;
  std::string out, err;
};

Ran run(const Arguments& words) {
  std::ostringstream out, err;
  const int status = get_models(words, {out, err});
  return {status, out.str(), err.str()};
}

std::string answer(std::string_view body) {
  return "HTTP/1.1 200 OK\r\ncontent-length: " + std::to_string(body.size()) + "\r\n\r\n" +
         std::string(body);
}

TEST(GetModels, RowsSayWhatAPersonAsks) {
  Rows rows;
  const auto next = add_models(kBody, rows);
  ASSERT_TRUE(next);
  EXPECT_FALSE(*next);
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_THAT(rows[0], ElementsAre("default", "minilm", "production", "tei", "DEPLOYED", "1 (+2)",
                                   "3", "95.5 MB", "7.2 ms", "-"));
  // What is missing is a dash, and nothing that a host says reaches the terminal as a control.
  EXPECT_THAT(rows[1], ElementsAre("-", "x?y", "-", "-", "-", "0", "0", "0.0 MB", "-", "-"));
}

TEST(GetModels, LongErrorsAreCutAtALetter) {
  Rows rows;
  ASSERT_TRUE(add_models(
      R"({"items":[{"status":{"lastError":")" + std::string(59, 'a') + "éé\"}}]}", rows));
  EXPECT_EQ(rows.back().back(), std::string(59, 'a') + "…");
}

TEST(GetModels, AnythingElseIsNoList) {
  Rows rows;
  for (const char* body : {"", "{", "[]", "{}", R"({"items":1})", "<html>"}) {
    EXPECT_FALSE(add_models(body, rows)) << body;
  }
  EXPECT_TRUE(
      add_models(R"({"items":[1,null,{"status":{"replicas":-1,"memoryBytes":"x"}}]})", rows));
}

TEST(GetModels, AsksForEveryPage) {
  Rows rows;
  EXPECT_EQ(*add_models(R"({"items":[],"next":"m@production"})", rows), "m@production");
}

TEST(GetModels, PrintsATableOrTheAnswer) {
  OneAnswer table(answer(kBody)), json(answer(kBody));
  const Ran as_table = run({"--api", table.url()});
  EXPECT_EQ(as_table.status, kOk) << as_table.err;
  EXPECT_THAT(as_table.out, HasSubstr("default    minilm  production   tei      DEPLOYED  1 (+2)"));
  table.join();
  EXPECT_THAT(table.request, HasSubstr("GET /v0/models?limit=1000 HTTP/1.1\r\n"));
  const Ran as_json = run({"--api", json.url() + "/", "-o", "json"});
  EXPECT_EQ(as_json.out, std::string(kBody) + "\n");
}

TEST(GetModels, SaysWhichHostDidNotAnswer) {
  OneAnswer refusing("HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n"), garbage("hello\r\n\r\n");
  const Ran refused = run({"--api", refusing.url()});
  EXPECT_EQ(refused.status, kFailed);
  EXPECT_EQ(refused.err,
            "tenon get models: " + refusing.url() + "/v0/models?limit=1000 answered 503\n");
  EXPECT_EQ(run({"--api", garbage.url()}).status, kFailed);
  const Ran nobody = run({"--api", "http://127.0.0.1:1"});
  EXPECT_EQ(nobody.status, kFailed);
  EXPECT_THAT(nobody.err, HasSubstr("http://127.0.0.1:1/v0/models"));
}

TEST(GetModels, RefusesBadUsage) {
  for (const Arguments& words : std::vector<Arguments>{{"--api", "ftp://x"},
                                                       {"--api", "127.0.0.1:80"},
                                                       {"--api", "http://"},
                                                       {"--api", "http://x:y"},
                                                       {"--api", "http://[::1"},
                                                       {"-o", "yaml"},
                                                       {"name"}}) {
    EXPECT_EQ(run(words).status, kBadUsage) << words.back();
  }
}

}  // namespace
}  // namespace tenon::cli
