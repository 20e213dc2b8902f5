#include "host/access/keys.h"

#include <gtest/gtest.h>

#include "tests/host/store/memory_store.h"

namespace tenon::access {
namespace {

using namespace std::chrono_literals;

class KeysTest : public ::testing::Test {
 protected:
  KeysTest() { EXPECT_TRUE(keys_.load()); }

  bool knows(const std::string& secret) {
    return access_.identify({Credential::Kind::kSecret, secret}, {now_, 1}).has_value();
  }
  std::vector<store::AuditEntry> audit() { return *store_.audit(std::nullopt, 100); }

  Time now_{1'800'000'000s};
  store::testing::MemoryStore store_;
  Access access_{{}};
  Keys keys_{store_, access_, system_random(), [this] { return now_; }};
};

TEST_F(KeysTest, TheFirstKeyClosesTheHost) {
  EXPECT_TRUE(access_.open());
  const auto made = keys_.create({"ci", "team", Role::kMember, now_ + 24h}, "anonymous");
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_FALSE(access_.open());
  EXPECT_TRUE(knows(made->secret));
  const auto caller = access_.identify({Credential::Kind::kSecret, made->secret}, {now_, 1});
  EXPECT_EQ((*caller)->name, "key ci (" + made->key.id + ")");
  EXPECT_EQ((*caller)->workspace, "team");
}

TEST_F(KeysTest, OnlyTheDigestIsStored) {
  const auto made = keys_.create({}, "anonymous");
  const auto stored = keys_.list();
  ASSERT_EQ(stored->size(), 1u);
  EXPECT_EQ(stored->front().secret, digest_of(made->secret));
  EXPECT_FALSE(made->secret.contains(stored->front().id));
}

TEST_F(KeysTest, ADeletedKeyIsGoneAndTheHostStaysClosed) {
  const auto made = keys_.create({}, "anonymous");
  ASSERT_TRUE(keys_.remove(made->key.id, "key x"));
  EXPECT_FALSE(knows(made->secret));
  EXPECT_FALSE(access_.open());
  EXPECT_EQ(keys_.remove(made->key.id, "key x").error().code, Code::kNotFound);
  Access later{{}};
  Keys again(store_, later, system_random(), [this] { return now_; });
  ASSERT_TRUE(again.load());
  EXPECT_FALSE(later.open());
}

TEST_F(KeysTest, AnotherStartKnowsTheSameKeys) {
  const auto made = keys_.create({}, "anonymous");
  Access later{{}};
  Keys again(store_, later, system_random(), [this] { return now_; });
  ASSERT_TRUE(again.load());
  EXPECT_TRUE(later.identify({Credential::Kind::kSecret, made->secret}, {now_, 1}));
}

TEST_F(KeysTest, UsesReachTheStore) {
  const auto made = keys_.create({}, "anonymous");
  EXPECT_TRUE(knows(made->secret));
  ASSERT_TRUE(keys_.note_now());
  EXPECT_EQ(keys_.list()->front().last_used_at, now_);
}

TEST_F(KeysTest, TheAuditTellsOfKeysAndOfRefusedWrites) {
  const auto made = keys_.create({"ci"}, "anonymous");
  ASSERT_TRUE(keys_.remove(made->key.id, "key boss"));
  for (int i = 0; i < 3; ++i) {
    access_.note_refused_write("unknown", "PUT /v0/x", "AUTHENTICATION_REQUIRED", now_);
  }
  ASSERT_TRUE(keys_.note_now());
  const auto entries = audit();
  ASSERT_EQ(entries.size(), 3u);
  EXPECT_EQ(entries[2].action, "created");
  EXPECT_TRUE(entries[2].resource.contains(made->key.id));
  EXPECT_EQ(entries[1].who, "key boss");
  EXPECT_EQ(entries[0].result, "AUTHENTICATION_REQUIRED (3 times)");
  for (const auto& entry : entries) EXPECT_FALSE(entry.resource.contains(made->secret));
}

TEST_F(KeysTest, AWishThatMakesNoSenseIsRefused) {
  EXPECT_FALSE(keys_.create({"a\nb"}, "x"));
  EXPECT_FALSE(keys_.create({std::string(101, 'a')}, "x"));
  EXPECT_FALSE(keys_.create({"", "", Role::kInvoke, now_}, "x"));
  EXPECT_TRUE(access_.open());
}

}  // namespace
}  // namespace tenon::access
