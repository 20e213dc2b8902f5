#include "host/access/access.h"

#include <gtest/gtest.h>

#include <thread>

namespace tenon::access {
namespace {

using namespace std::chrono_literals;

constexpr Time kStart{1'800'000'000s};

Credential key(std::string_view text) {
  return {Credential::Kind::kSecret, text};
}

Credential authorization(std::string_view value) {
  CredentialReader reader;
  reader.add("authorization", value);
  return reader.found();
}

TEST(CredentialTest, HeadersOfTenonsOwnGoBeforeAuthorization) {
  CredentialReader reader;
  EXPECT_EQ(reader.found().kind, Credential::Kind::kNone);
  reader.add("accept", "Bearer x");
  EXPECT_EQ(reader.found().kind, Credential::Kind::kNone);
  reader.add("authorization", "Bearer one");
  EXPECT_EQ(reader.found().text, "one");
  reader.add("x-beamlit-api-key", "two");
  reader.add("x-tenon-authorization", "bEARER   three");
  reader.add("x-tenon-api-key", "four");
  reader.add("authorization", "Bearer five");
  EXPECT_EQ(reader.found().kind, Credential::Kind::kSecret);
  EXPECT_EQ(reader.found().text, "three");
}

class AccessTest : public ::testing::Test {
 protected:
  Grant grant(const std::string& id, Role role = Role::kInvoke, std::string workspace = "") {
    Grant out;
    out.caller = {id, "key " + id, role, std::move(workspace), Caller::Via::kKey};
    out.secret = digest_of(secret(id));
    return out;
  }
  std::string secret(const std::string& id) {
    return secrets_.try_emplace(id, make_secret(system_random())).first->second;
  }
  std::string refusal(const Credential& credential, Now now = {kStart, 1}) {
    const auto found = access_.identify(credential, now);
    return found ? "" : std::string(found.error().error.code) + ": " + found.error().message;
  }

  std::map<std::string, std::string> secrets_;
  Access access_{digest_of("the host's secret")};
};

TEST_F(AccessTest, AHostThatNeverHadAKeyKnowsOneCaller) {
  EXPECT_TRUE(access_.open());
  const auto found = access_.identify({}, {kStart, 1});
  ASSERT_TRUE(found);
  EXPECT_EQ((*found)->via, Caller::Via::kOpen);
  EXPECT_EQ((*found)->role, Role::kAdmin);
}

TEST_F(AccessTest, OneThatHadAnyIsClosedForEver) {
  access_.set({grant("k1")}, true);
  EXPECT_FALSE(access_.open());
  access_.set({}, true);
  EXPECT_FALSE(access_.open());
  access_.set({}, false);
  EXPECT_FALSE(access_.open());
  EXPECT_TRUE(refusal({}).starts_with("AUTHENTICATION_REQUIRED"));
}

TEST_F(AccessTest, AKeyIsItsOwners) {
  access_.set({grant("k1", Role::kMember, "a"), grant("k2")}, true);
  const auto found = access_.identify(key(secret("k1")), {kStart, 1});
  ASSERT_TRUE(found);
  EXPECT_EQ((*found)->id, "k1");
  EXPECT_EQ((*found)->role, Role::kMember);
  EXPECT_EQ((*found)->workspace, "a");
}

TEST_F(AccessTest, EveryOtherCredentialIsToldWhatItIs) {
  access_.set({grant("k1")}, true);
  std::string mistyped = secret("k1");
  mistyped.back() = mistyped.back() == 'a' ? 'b' : 'a';
  EXPECT_TRUE(refusal(key(mistyped)).contains("mistyped"));
  EXPECT_TRUE(refusal(key(make_secret(system_random()))).contains("not known"));
  EXPECT_TRUE(refusal(key("sk-1")).contains("tn_"));
  EXPECT_TRUE(refusal(authorization("Digest x")).contains("scheme"));
  EXPECT_TRUE(refusal(authorization("Bearer")).starts_with("AUTHENTICATION_FAILED"));
  for (const auto* basic : {"Basic !", "Basic eA==", "Basic ", "basic azE6eA=="}) {
    EXPECT_TRUE(refusal(authorization(basic)).starts_with("AUTHENTICATION_FAILED")) << basic;
  }
}

TEST_F(AccessTest, ADeletedKeyStopsAtOnceOnEveryThread) {
  access_.set({grant("k1")}, true);
  std::atomic<int> stage{0};
  std::thread other([&] {
    EXPECT_EQ(refusal(key(secret("k1"))), "");
    stage = 1;
    while (stage != 2) std::this_thread::yield();
    EXPECT_NE(refusal(key(secret("k1"))), "");
  });
  while (stage != 1) std::this_thread::yield();
  access_.set({}, true);
  stage = 2;
  other.join();
}

TEST_F(AccessTest, AKeyEndsAtItsTime) {
  Grant ending = grant("k1");
  ending.expires_at = kStart + 1h;
  access_.set({ending}, true);
  EXPECT_EQ(refusal(key(secret("k1")), {kStart + 59min, 1}), "");
  EXPECT_TRUE(refusal(key(secret("k1")), {kStart + 1h, 1}).contains("ended at"));
}

TEST_F(AccessTest, UsesAreToldOnceAndAtMostOnceAMinute) {
  access_.set({grant("k1"), grant("k2")}, true);
  EXPECT_TRUE(access_.uses().empty());
  EXPECT_EQ(refusal(key(secret("k1"))), "");
  ASSERT_EQ(access_.uses().size(), 1u);
  EXPECT_EQ(refusal(key(secret("k1")), {kStart + 30s, 1}), "");
  EXPECT_TRUE(access_.uses().empty());
  EXPECT_EQ(refusal(key(secret("k1")), {kStart + 60s, 1}), "");
  const auto uses = access_.uses();
  ASSERT_EQ(uses.size(), 1u);
  EXPECT_EQ(uses[0], std::pair("k1" + std::string(), kStart + 60s));
}

TEST_F(AccessTest, AKeySendsNoMoreThanItsRate) {
  access_.set({grant("k1"), grant("k2")}, true);
  access_.set_rate(10);
  const std::uint64_t second = 1'000'000'000;
  for (int i = 0; i < 10; ++i) EXPECT_EQ(refusal(key(secret("k1")), {kStart, second}), "") << i;
  const auto refused = access_.identify(key(secret("k1")), {kStart, second});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().error.status, 429u);
  EXPECT_EQ(refused.error().retry_after, 1u);
  EXPECT_EQ(refusal(key(secret("k2")), {kStart, second}), "");  // another key has its own
  EXPECT_EQ(refusal(key(secret("k1")), {kStart, second + second / 10}), "");
  access_.set({grant("k1")}, true);  // and keeps its count when others come and go
  EXPECT_NE(refusal(key(secret("k1")), {kStart, second + second / 10}), "");
}

TEST_F(AccessTest, AKeysOwnRateStandsInsteadOfThatOfAll) {
  Grant slow = grant("k1"), fast = grant("k2");
  slow.requests_per_second = 2;
  fast.requests_per_second = 20;
  access_.set({slow, fast, grant("k3")}, true);
  access_.set_rate(10);
  const std::uint64_t second = 1'000'000'000;
  const auto allowed = [&](const std::string& id) {
    int count = 0;
    while (count < 100 && refusal(key(secret(id)), {kStart, second}).empty()) ++count;
    return count;
  };
  EXPECT_EQ(allowed("k1"), 2);
  EXPECT_EQ(allowed("k2"), 20);
  EXPECT_EQ(allowed("k3"), 10);
  EXPECT_EQ(access_.identify(key(secret("k1")), {kStart, second}).error().retry_after, 1u);
  access_.set_rate(0);
  EXPECT_EQ(allowed("k3"), 100);
  EXPECT_EQ(allowed("k1"), 0);
}

TEST_F(AccessTest, ATokenStandsForItsKeyForTwoHours) {
  access_.set({grant("k1", Role::kMember, "a")}, true);
  const auto token = access_.issue_token("k1", secret("k1"), {kStart, 1});
  ASSERT_TRUE(token);
  EXPECT_EQ(token->life, 2h);
  const auto found = access_.identify(key(token->text), {kStart + 119min, 1});
  ASSERT_TRUE(found);
  EXPECT_EQ((*found)->id, "k1");
  EXPECT_EQ((*found)->via, Caller::Via::kToken);
  EXPECT_TRUE(refusal(key(token->text), {kStart + 2h, 1}).contains("ended at"));
  access_.set({grant("k2")}, true);
  EXPECT_TRUE(refusal(key(token->text)).contains("deleted"));
}

TEST_F(AccessTest, ATokenIsForNobodyElseToMake) {
  access_.set({grant("k1")}, true);
  EXPECT_FALSE(access_.issue_token("k1", secret("k2"), {kStart, 1}));
  EXPECT_FALSE(access_.issue_token("k2", secret("k2"), {kStart, 1}));
  const std::string token = access_.issue_token("k1", secret("k1"), {kStart, 1})->text;
  for (std::size_t i = 0; i < token.size(); ++i) {
    std::string forged = token;
    forged[i] = forged[i] == '1' ? '2' : '1';
    EXPECT_NE(refusal(key(forged)), "") << forged;
  }
  EXPECT_NE(refusal(key(Tokens(digest_of("other")).issue("k1", kStart + 1h))), "");
}

TEST_F(AccessTest, ATokenEndsWithItsKey) {
  Grant ending = grant("k1");
  ending.expires_at = kStart + 10min;
  access_.set({ending}, true);
  const auto token = access_.issue_token("k1", secret("k1"), {kStart, 1});
  ASSERT_TRUE(token);
  EXPECT_EQ(token->life, 10min);
  EXPECT_FALSE(access_.issue_token("k1", secret("k1"), {kStart + 10min, 1}));
}

TEST_F(AccessTest, KeysComeAndGoWhileRequestsRun) {
  access_.set({grant("k1")}, true);
  const std::string mine = secret("k1");
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 5000; ++i) ASSERT_TRUE(access_.identify(key(mine), {kStart, 1}));
    });
  }
  for (int i = 0; i < 200; ++i)
    access_.set({grant("k1"), grant("k" + std::to_string(i + 2))}, true);
  for (auto& thread : threads) thread.join();
}

}  // namespace
}  // namespace tenon::access
