#include "host/control/scrape.h"

#include <gtest/gtest.h>

#include <semaphore>
#include <thread>

namespace tenon::control {
namespace {

class Page final : public Reply {
 public:
  void whole(unsigned status, std::string_view, std::string text,
             std::vector<std::pair<std::string, std::string>>) override {
    EXPECT_EQ(status, 200u);
    body = std::move(text);
  }
  void refuse(lifecycle::Refusal) override { ADD_FAILURE(); }
  void begin(std::string_view, std::string) override { ADD_FAILURE(); }
  bool chunk(std::string) override { return false; }
  void end() override { ADD_FAILURE(); }

  std::string body;
};

TEST(ScrapeTest, WhoAsksWhileAPageIsMadeGetsThatPageWithoutWaitingOnItsThread) {
  std::binary_semaphore begun{0};
  std::binary_semaphore may_end{0};
  int pages = 0;
  Scrape scrape([&] {
    begun.release();
    may_end.acquire();
    return "page " + std::to_string(++pages);
  });
  const auto first = std::make_shared<Page>();
  const auto second = std::make_shared<Page>();
  const auto third = std::make_shared<Page>();
  std::thread slow([&] { scrape.answer(first); });
  begun.acquire();
  scrape.answer(second);  // comes back at once: this thread serves others meanwhile
  EXPECT_EQ(second->body, "");
  may_end.release();
  slow.join();
  EXPECT_EQ(first->body, "page 1");
  EXPECT_EQ(second->body, "page 1");
  may_end.release();
  scrape.answer(third);
  EXPECT_EQ(third->body, "page 2");
}

}  // namespace
}  // namespace tenon::control
