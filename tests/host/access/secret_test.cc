#include "host/access/secret.h"

#include <gtest/gtest.h>

#include <set>

namespace tenon::access {
namespace {

TEST(SecretTest, HasItsPrefixItsLettersAndItsCheck) {
  const std::string secret = make_secret(system_random());
  EXPECT_TRUE(secret.starts_with("tn_"));
  EXPECT_EQ(secret.size(), 3u + 43 + 6);
  EXPECT_EQ(form_of(secret), SecretForm::kKey);
}

TEST(SecretTest, EveryMistypedLetterIsSeen) {
  const std::string secret = make_secret(system_random());
  for (std::size_t i = 3; i < secret.size(); ++i) {
    std::string other = secret;
    other[i] = other[i] == 'a' ? 'b' : 'a';
    EXPECT_EQ(form_of(other), SecretForm::kTypo) << i;
  }
  EXPECT_EQ(form_of(secret.substr(0, 20)), SecretForm::kTypo);
  EXPECT_EQ(form_of("sk-other"), SecretForm::kForeign);
}

TEST(SecretTest, NoTwoAreAlike) {
  std::set<std::string> secrets, ids;
  for (int i = 0; i < 1000; ++i) {
    secrets.insert(make_secret(system_random()));
    ids.insert(make_key_id(system_random()));
  }
  EXPECT_EQ(secrets.size(), 1000u);
  EXPECT_EQ(ids.size(), 1000u);
}

TEST(SecretTest, TheLettersTakeAllOfTheRandomness) {
  // Bytes that would favour some letters are passed over, not folded.
  std::size_t given = 0;
  const std::string secret = make_secret([&](std::span<std::byte> out) {
    for (std::byte& byte : out) byte = given++ < 64 ? std::byte{255} : std::byte{1};
  });
  EXPECT_EQ(secret.substr(3, 43), std::string(43, '1'));
}

TEST(SecretTest, TheDigestIsSha256) {
  const Sha256 digest = digest_of("abc");
  EXPECT_EQ(digest[0], std::byte{0xba});
  EXPECT_EQ(digest[31], std::byte{0xad});
}

}  // namespace
}  // namespace tenon::access
