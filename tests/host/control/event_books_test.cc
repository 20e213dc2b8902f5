#include "host/control/event_books.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>

#include "tests/host/store/memory_store.h"

namespace tenon::control {
namespace {

using lifecycle::LifeEvent;
using lifecycle::Phase;
using ::testing::ElementsAre;

const DeploymentKey kM{"w", "m", "production"};

class EventBooksTest : public ::testing::Test {
 protected:
  EventBooksTest() {
    const store::Change made{.key = {Kind::kDeployment, "w", "m", "production"},
                             .document = "1",
                             .managed_by = "api",
                             .revision = "",
                             .expected = std::nullopt};
    EXPECT_TRUE(store_.apply({&made, 1}, {}));
    books_.emplace(loop_, run_, store_);
  }

  void happens(LifeEvent::Type type, std::string why = "") {
    books_->on_event(kM, {{}, type, Phase::kFailed, 3, std::move(why)});
  }
  static std::vector<std::string> said(const Result<std::vector<store::Event>>& events) {
    std::vector<std::string> out;
    for (const store::Event& event : *events) out.push_back(event.type + " " + event.message);
    return out;
  }

  boost::asio::io_context loop_;
  std::deque<std::function<void()>> asked_;
  Saver::Run run_ = [this](std::function<void()> what) { asked_.push_back(std::move(what)); };
  store::testing::MemoryStore store_{{.events = 2 * EventBooks::kMostUnwritten}};
  std::optional<EventBooks> books_;
};

TEST_F(EventBooksTest, WhatHappenedIsKnownAtOnceAndAfterARestart) {
  happens(LifeEvent::Type::kLoadFailed, "no such file");
  EXPECT_THAT(said(books_->of(kM)), ElementsAre("LoadFailed no such file"));
  EXPECT_THAT(said(store_.events(kM)), ElementsAre()) << "whoever asks writes nothing";
  ASSERT_TRUE(books_->save());
  happens(LifeEvent::Type::kState);
  EXPECT_THAT(said(books_->of(kM)), ElementsAre("LoadFailed no such file", "State "));
  ASSERT_TRUE(books_->save());
  books_.emplace(loop_, run_, store_);
  const auto events = books_->of(kM);
  EXPECT_THAT(said(events), ElementsAre("LoadFailed no such file", "State "));
  EXPECT_EQ(events->at(0).status, "FAILED");
  EXPECT_EQ(events->at(0).revision, 3u);
}

TEST_F(EventBooksTest, WhatCouldNotBeWrittenIsWrittenLaterOnce) {
  store_.fail_writes(Error{Code::kExhausted, "the disk is full"});
  happens(LifeEvent::Type::kCrashed);
  EXPECT_FALSE(books_->save());
  EXPECT_THAT(said(books_->of(kM)), ElementsAre("Crashed "));
  store_.fail_writes(std::nullopt);
  ASSERT_TRUE(books_->save());
  ASSERT_TRUE(books_->save());
  EXPECT_THAT(said(store_.events(kM)), ElementsAre("Crashed "));
}

TEST_F(EventBooksTest, WhileTheStoreTakesNothingTheOldestAreLost) {
  store_.fail_writes(Error{Code::kExhausted, "the disk is full"});
  for (std::size_t i = 0; i < EventBooks::kMostUnwritten + 5; ++i) {
    happens(LifeEvent::Type::kCrashed, std::to_string(i));
  }
  EXPECT_FALSE(books_->save());
  store_.fail_writes(std::nullopt);
  ASSERT_TRUE(books_->save());
  const auto kept = said(store_.events(kM));
  ASSERT_EQ(kept.size(), EventBooks::kMostUnwritten);
  EXPECT_EQ(kept.front(), "Crashed 5");
}

TEST_F(EventBooksTest, IsWrittenAWhileLaterOnAnotherThreadAndThenRests) {
  EXPECT_EQ(loop_.run(), 0u) << "nothing is set";
  loop_.restart();
  happens(LifeEvent::Type::kState);
  happens(LifeEvent::Type::kRevision);
  loop_.run();
  ASSERT_EQ(asked_.size(), 1u) << "both in one write, and not on this thread";
  asked_.front()();
  EXPECT_THAT(said(store_.events(kM)), ElementsAre("State ", "Revision "));
  loop_.restart();
  loop_.poll();
  loop_.restart();
  EXPECT_EQ(loop_.run(), 0u) << "nothing is set again";
}

TEST_F(EventBooksTest, OfADeploymentThatIsGoneNothingIsKept) {
  happens(LifeEvent::Type::kState);
  store::Change gone{.verb = store::Change::Verb::kRemove,
                     .key = {Kind::kDeployment, "w", "m", "production"},
                     .document = "",
                     .managed_by = "",
                     .revision = "",
                     .expected = std::nullopt};
  ASSERT_TRUE(store_.apply({&gone, 1}, {}));
  happens(LifeEvent::Type::kGone);
  ASSERT_TRUE(books_->save());
  EXPECT_THAT(said(books_->of(kM)), ElementsAre());
}

}  // namespace
}  // namespace tenon::control
