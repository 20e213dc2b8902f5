// The judge of answers: what it passes on, and every rule that it holds a replica to.
#include "host/workers/answer_table.h"

#include <gtest/gtest.h>

#include "host/workers/record.h"

namespace tenon::workers {
namespace {

struct TestSink : ResponseSink {
  void on_response(const ResponseMessage& message) override {
    ++messages;
    status = message.status != 0 ? message.status : status;
    body += std::string(reinterpret_cast<const char*>(message.body.data()), message.body.size());
    if (message.final) ++finals;
    if (message.failure != nullptr) failure = *message.failure;
    for (const auto& h : message.headers)
      headers.emplace_back(std::string(h.name) + ": " + std::string(h.value));
  }
  void on_consumed(std::uint64_t bytes) override { consumed += bytes; }
  int messages = 0, finals = 0;
  unsigned status = 0;
  std::string body;
  std::uint64_t consumed = 0;
  std::optional<Failure> failure;
  std::vector<std::string> headers;
};

struct Message {
  std::uint32_t status = 200;
  std::uint16_t flags = kFlagHead | kFlagLast;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  std::uint32_t claimed_headers = ~0u;  // another count than there are
};

struct Built {
  std::vector<std::byte> bytes;
  Record record;
};

Built build(RequestId id, const Message& message) {
  std::size_t headers = 0;
  for (const auto& [name, value] : message.headers) headers += 8 + name.size() + value.size();
  Built built;
  built.bytes.resize(sizeof(MessageFixed) + headers + message.body.size());
  MessageFixed fixed;
  fixed.status = message.status;
  fixed.n_headers = message.claimed_headers != ~0u
                        ? message.claimed_headers
                        : static_cast<std::uint32_t>(message.headers.size());
  fixed.headers_size = static_cast<std::uint32_t>(headers);
  Filler fill(built.bytes.data());
  fill.value(fixed);
  for (const auto& [name, value] : message.headers) fill.header(name, value);
  fill.text(message.body);
  built.record = {{static_cast<std::uint32_t>(sizeof(RecordHeader) + built.bytes.size()),
                   static_cast<std::uint16_t>(ResponseKind::kMessage), message.flags, id},
                  built.bytes};
  return built;
}

class AnswerTableTest : public testing::Test {
 protected:
  Result<void> give(RequestId id, const Message& message) {
    const Built built = build(id, message);
    return table.on_record(built.record);
  }
  Message with_body(std::string body, std::uint16_t flags, std::uint32_t status = 0) {
    Message message;
    message.body = std::move(body);
    message.flags = flags;
    message.status = status;
    return message;
  }

  AnswerTable table{1};
  TestSink sink;
};

TEST_F(AnswerTableTest, PassesAnAnswerInPartsToItsSink) {
  const auto id = table.open(sink, 100, 0);
  EXPECT_TRUE(give(id, with_body("ab", kFlagHead, 201)));
  EXPECT_TRUE(give(id, with_body("cd", 0)));
  EXPECT_TRUE(give(id, with_body("", kFlagLast)));
  EXPECT_EQ(sink.status, 201u);
  EXPECT_EQ(sink.body, "abcd");
  EXPECT_EQ(sink.finals, 1);
  EXPECT_EQ(table.size(), 0u);
}

TEST_F(AnswerTableTest, RefusesASecondFinalMessage) {
  const auto id = table.open(sink, 100, 0);
  EXPECT_TRUE(give(id, {}));
  EXPECT_FALSE(give(id, {}));
  EXPECT_EQ(sink.finals, 1);
}

TEST_F(AnswerTableTest, AReusedSlotHasAnotherId) {
  const auto first = table.open(sink, 100, 0);
  EXPECT_TRUE(give(first, {}));
  const auto second = table.open(sink, 100, 0);
  EXPECT_NE(first, second);
  EXPECT_FALSE(give(first, {}));
  EXPECT_TRUE(give(second, {}));
}

TEST_F(AnswerTableTest, RefusesMoreThanTheCredit) {
  const auto id = table.open(sink, 3, 0);
  EXPECT_FALSE(give(id, with_body("abcd", kFlagHead, 200)));
  EXPECT_TRUE(table.add_credit(id, 1));
  EXPECT_TRUE(give(id, with_body("abcd", kFlagHead, 200)));
  EXPECT_FALSE(give(id, with_body("e", kFlagLast)));
}

TEST_F(AnswerTableTest, RefusesWhatBreaksTheOrderOfAnAnswer) {
  const auto id = table.open(sink, 100, 0);
  EXPECT_FALSE(give(id, with_body("x", 0)));
  EXPECT_FALSE(give(id, with_body("x", kFlagHead, 99)));
  EXPECT_FALSE(give(id, with_body("x", kFlagHead, 600)));
  EXPECT_FALSE(give(id, with_body("x", kFlagError)));
  EXPECT_TRUE(give(id, with_body("x", kFlagHead, 200)));
  EXPECT_FALSE(give(id, with_body("x", kFlagHead, 200)));
}

TEST_F(AnswerTableTest, RefusesHeadersThatWouldSplitAnAnswer) {
  const std::vector<std::pair<std::string, std::string>> bad = {{"x", "a\r\nset-cookie: b"},
                                                                {"", "v"},
                                                                {"X-Upper", "v"},
                                                                {"a b", "v"},
                                                                {"connection", "close"},
                                                                {"date", "now"},
                                                                {"transfer-encoding", "chunked"}};
  for (const auto& header : bad) {
    const auto id = table.open(sink, 100, 0);
    Message message;
    message.headers = {header};
    EXPECT_FALSE(give(id, message)) << header.first;
  }
}

TEST_F(AnswerTableTest, RefusesHeaderCountsThatDoNotFit) {
  const auto id = table.open(sink, 100, 0);
  Message message;
  message.headers = {{"a", "b"}};
  message.claimed_headers = 2;
  EXPECT_FALSE(give(id, message));
}

TEST_F(AnswerTableTest, AnErrorEndsTheRequestWithItsText) {
  const auto id = table.open(sink, 100, 0);
  EXPECT_TRUE(give(id, with_body("no such token", kFlagLast | kFlagError)));
  ASSERT_TRUE(sink.failure);
  EXPECT_EQ(sink.failure->kind, Failure::Kind::kAnswered);
  EXPECT_EQ(sink.failure->error.message, "no such token");
}

TEST_F(AnswerTableTest, CountsWhatIsConsumedAgainstWhatWasSent) {
  const auto id = table.open(sink, 100, 10);
  EXPECT_TRUE(table.add_upload(id, kUploadWindow - 10));
  EXPECT_FALSE(table.add_upload(id, 1));
  const auto consume = [&](std::uint64_t bytes) {
    std::array<std::byte, 8> payload;
    std::memcpy(payload.data(), &bytes, 8);
    return table.on_record(
        {{24, static_cast<std::uint16_t>(ResponseKind::kConsumed), 0, id}, payload});
  };
  EXPECT_TRUE(consume(kUploadWindow));
  EXPECT_EQ(sink.consumed, kUploadWindow);
  EXPECT_FALSE(consume(1));
}

TEST_F(AnswerTableTest, FailsEveryOpenRequestOnce) {
  const auto a = table.open(sink, 1, 0);
  table.open(sink, 1, 0);
  EXPECT_TRUE(give(a, {}));
  table.fail_all({Failure::Kind::kDied, {}});
  table.fail_all({Failure::Kind::kDied, {}});
  EXPECT_EQ(sink.finals, 2);
}

}  // namespace
}  // namespace tenon::workers
