// The last lines of each deployment's log, and who follows them.
#include "host/control/log_book.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tenon::control {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class Collected final : public Reply {
 public:
  void whole(unsigned, std::string_view, std::string,
             std::vector<std::pair<std::string, std::string>>) override {}
  void refuse(lifecycle::Refusal) override {}
  void begin(std::string_view, std::string first) override { pieces.push_back(std::move(first)); }
  bool chunk(std::string text) override {
    if (gone) return false;
    pieces.push_back(std::move(text));
    return true;
  }
  void end() override { ended = true; }

  std::vector<std::string> pieces;
  bool gone = false, ended = false;
};

class LogBookTest : public testing::Test {
 protected:
  ~LogBookTest() override { book_->close(); }

  static DeploymentKey key(const std::string& model) { return {"w", model, "production"}; }
  void say(const std::string& model, const std::string& text) {
    book_->add(
        {std::chrono::system_clock::time_point(), LogLevel::kInfo, to_string(key(model)), text});
  }
  std::vector<std::string> texts(const std::string& model, std::size_t most = 100) {
    std::vector<std::string> out;
    for (const auto& line : book_->lines(key(model), most)) {
      out.emplace_back(line.at("text").as_string());
    }
    return out;
  }

  EventLoops loops_{1};
  std::shared_ptr<LogBook> book_ =
      std::make_shared<LogBook>(loops_, LogBook::Limits{.bytes_each = 1000, .bytes = 3000});
};

TEST_F(LogBookTest, TellsTheLastLinesOfOne) {
  for (const char* text : {"one", "two", "three"}) say("a", text);
  say("b", "other \"quoted\"");
  EXPECT_THAT(texts("a"), ElementsAre("one", "two", "three"));
  EXPECT_THAT(texts("a", 2), ElementsAre("two", "three"));
  EXPECT_THAT(texts("a", 0), IsEmpty());
  EXPECT_THAT(texts("b"), ElementsAre("other \"quoted\""));
  EXPECT_THAT(texts("c"), IsEmpty());
  EXPECT_EQ(book_->lines(key("a"), 1)[0].at("level"), "info");
}

TEST_F(LogBookTest, KeepsNoMoreOfOneThanItsShare) {
  for (int i = 0; i < 100; ++i) say("a", std::to_string(i));
  const auto kept = texts("a");
  EXPECT_LT(kept.size(), 20u);
  EXPECT_GT(kept.size(), 3u);
  EXPECT_EQ(kept.back(), "99");
}

TEST_F(LogBookTest, WhoWasSilentLongestGoesFirst) {
  for (int i = 0; i < 100; ++i) say("m" + std::to_string(i), std::string(50, 'x'));
  EXPECT_THAT(texts("m0"), IsEmpty());
  EXPECT_EQ(texts("m99").size(), 1u);
}

TEST_F(LogBookTest, FollowersGetWhatIsThereAndWhatComes) {
  say("a", "before");
  const auto reply = std::make_shared<Collected>();
  book_->follow(key("a"), 10, reply);
  say("a", "after");
  say("b", "other");
  ASSERT_EQ(reply->pieces.size(), 2u);
  EXPECT_THAT(reply->pieces[0], HasSubstr("\"text\":\"before\"}\n\nevent: synced\n"));
  EXPECT_THAT(reply->pieces[1], HasSubstr("event: line\ndata: {"));
  reply->gone = true;
  say("a", "nobody hears");
  reply->gone = false;
  say("a", "nobody is told");
  EXPECT_EQ(reply->pieces.size(), 2u);
}

TEST_F(LogBookTest, ADeploymentThatIsGoneTakesItsLinesAlong) {
  say("a", "x");
  say("b", "x");
  const auto reply = std::make_shared<Collected>();
  book_->follow(key("a"), 10, reply);
  Snapshot snapshot;
  snapshot.entries.push_back(std::make_shared<const Entry>(
      Entry{.draft = {{Kind::kDeployment, "w", "b", "production"}, {}, {}}}));
  book_->keep_only(snapshot);
  EXPECT_TRUE(reply->ended);
  EXPECT_THAT(texts("a"), IsEmpty());
  EXPECT_THAT(texts("b"), ElementsAre("x"));
}

TEST_F(LogBookTest, NobodyFollowsAHostThatEnds) {
  const auto first = std::make_shared<Collected>(), second = std::make_shared<Collected>();
  book_->follow(key("a"), 10, first);
  book_->close();
  EXPECT_TRUE(first->ended);
  book_->follow(key("a"), 10, second);
  EXPECT_TRUE(second->ended);
}

}  // namespace
}  // namespace tenon::control
