#include "tests/host/store/conformance.h"

namespace tenon::store::testing {
namespace {

constexpr Time at(int seconds) {
  return kNoon + std::chrono::seconds(seconds);
}
const Author kAnn{"ann", at(5)};

ApiKey key(const std::string& id, int digest) {
  ApiKey out{.id = id, .name = "of " + id, .workspace = "w", .role = Role::kMember};
  out.secret[31] = static_cast<std::byte>(digest);
  out.created_at = at(1);
  return out;
}

TEST_P(StoreConformance, KeepsKeysOverAReopeningOldestFirst) {
  ApiKey second = key("a", 2);
  second.role = Role::kAdmin;
  second.workspace = "";
  second.expires_at = at(60);
  second.last_used_at = at(7);
  second.requests_per_second = 100;
  ASSERT_TRUE(store_->add_key(key("b", 1), kAnn));
  ASSERT_TRUE(store_->add_key(second, kAnn));
  reopen();
  EXPECT_EQ(*store_->keys(), (std::vector{key("b", 1), second}));
}

TEST_P(StoreConformance, AnIdAndASecretAreThereOnce) {
  ASSERT_TRUE(store_->add_key(key("a", 1), kAnn));
  EXPECT_EQ(store_->add_key(key("a", 2), kAnn).error().code, Code::kPrecondition);
  EXPECT_EQ(store_->add_key(key("b", 1), kAnn).error().code, Code::kPrecondition);
  EXPECT_EQ(store_->keys()->size(), 1u);
  EXPECT_EQ(store_->audit({}, 10)->size(), 1u);
}

TEST_P(StoreConformance, ThatThereWereKeysIsKnownForEver) {
  EXPECT_FALSE(*store_->keys_were_created());
  ASSERT_TRUE(store_->add_key(key("a", 1), kAnn));
  EXPECT_EQ(*store_->remove_key("a", kAnn), key("a", 1));
  reopen();
  EXPECT_TRUE(store_->keys()->empty());
  EXPECT_TRUE(*store_->keys_were_created());
  EXPECT_EQ(store_->remove_key("a", kAnn).error().code, Code::kNotFound);
}

TEST_P(StoreConformance, AUseIsNotedUnlessALaterOneIs) {
  ASSERT_TRUE(store_->add_key(key("a", 1), kAnn));
  const std::vector<KeyUse> uses = {{"a", at(20)}, {"unknown", at(20)}, {"a", at(10)}};
  ASSERT_TRUE(store_->mark_keys_used(uses));
  EXPECT_EQ(store_->keys()->front().last_used_at, at(20));
}

TEST_P(StoreConformance, TheAuditTellsOfKeysAndOfWhatWasRefused) {
  ASSERT_TRUE(store_->add_key(key("a", 1), kAnn));
  ASSERT_TRUE(store_->remove_key("a", {"bob", at(9)}));
  const std::vector<AuditEntry> refused = {{0, at(10), "eve", "refused", "PUT /v0/x", "FORBIDDEN"}};
  ASSERT_TRUE(store_->add_audit(refused));
  const auto entries = *store_->audit({}, 10);
  ASSERT_EQ(entries.size(), 3u);
  EXPECT_EQ(entries[2],
            (AuditEntry{1, at(5), "ann", "created", "key of a (a), member of workspace w"}));
  EXPECT_EQ(entries[1].who, "bob");
  EXPECT_EQ(entries[1].action, "deleted");
  EXPECT_EQ(entries[0], (AuditEntry{3, at(10), "eve", "refused", "PUT /v0/x", "FORBIDDEN"}));
}

}  // namespace
}  // namespace tenon::store::testing
