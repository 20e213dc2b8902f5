#include "host/access/token_secret.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "host/access/access.h"

namespace tenon::access {
namespace {

class TokenSecretTest : public ::testing::Test {
 protected:
  TokenSecretTest() {
    char name[] = "/tmp/tenon-token-XXXXXX";
    folder_ = ::mkdtemp(name);
  }
  ~TokenSecretTest() override { std::filesystem::remove_all(folder_); }
  std::string folder_;
};

TEST_F(TokenSecretTest, IsMadeOnceAndForItsOwnerOnly) {
  const auto first = token_secret(folder_, system_random());
  ASSERT_TRUE(first) << first.error().message;
  EXPECT_EQ(token_secret(folder_, system_random()), first);
  struct stat found{};
  ASSERT_EQ(::stat((folder_ + "/token.secret").c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777u, 0600u);
}

TEST_F(TokenSecretTest, ADamagedFileIsNamed) {
  std::ofstream(folder_ + "/token.secret") << "short";
  const auto found = token_secret(folder_, system_random());
  ASSERT_FALSE(found);
  EXPECT_TRUE(found.error().message.contains("token.secret holds 5 bytes"));
}

TEST(RefusedWritesTest, AlikeOnesAreOne) {
  Access access({});
  const Time now = std::chrono::system_clock::now();
  for (int i = 0; i < 3; ++i) access.note_refused_write("unknown", "PUT /v0/x", "FORBIDDEN", now);
  access.note_refused_write("key a", "PUT /v0/x", "FORBIDDEN", now);
  const auto writes = access.refused_writes();
  ASSERT_EQ(writes.size(), 2u);
  EXPECT_EQ(writes[0].count + writes[1].count, 4u);
  EXPECT_TRUE(access.refused_writes().empty());
}

TEST(RefusedWritesTest, AFloodStaysSmall) {
  Access access({});
  for (int i = 0; i < 10'000; ++i) {
    access.note_refused_write("unknown", "PUT /v0/" + std::to_string(i), "FORBIDDEN", {});
  }
  EXPECT_LE(access.refused_writes().size(), RefusedWrites::kMost + 1);
}

}  // namespace
}  // namespace tenon::access
