#include "host/cli/in_child.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

namespace tenon::cli {
namespace {

using testing::StartsWith;
constexpr std::chrono::seconds kLong{60};

TEST(InChild, GivesItsTextOrItsError) {
  const std::string large(200'000, 'x');
  EXPECT_EQ(in_child([&] { return large; }, kLong), large);
  const auto failed =
      in_child([]() -> Result<std::string> { return fail(Code::kInvalid, "wrong magic"); }, kLong);
  EXPECT_EQ(failed.error().message, "wrong magic");
}

TEST(InChild, OutlivesWhatDies) {
  const auto died = in_child(
      []() -> Result<std::string> {
        ::raise(SIGKILL);
        return "never";
      },
      kLong);
  EXPECT_THAT(died.error().message, StartsWith("died by signal 9"));
  const auto left = in_child([]() -> Result<std::string> { ::_exit(7); }, kLong);
  EXPECT_EQ(left.error().message, "ended with status 7");
}

TEST(InChild, EndsWhatHangs) {
  const auto hung = in_child(
      []() -> Result<std::string> {
        for (;;) ::pause();
      },
      std::chrono::seconds(1));
  EXPECT_EQ(hung.error().message, "did not end within 1 s");
}

}  // namespace
}  // namespace tenon::cli
