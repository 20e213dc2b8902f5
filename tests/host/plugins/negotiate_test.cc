#include "host/plugins/negotiate.h"

#include <gmock/gmock.h>

#include <cstring>
#include <vector>

namespace tenon::plugins {
namespace {

using ::testing::HasSubstr;

tenon_code create(const tenon_host_api*, const tenon_plugin_api**, tenon_runtime**,
                  tenon_error*) noexcept {
  return TENON_OK;
}

tenon_plugin_descriptor good() {
  return {.struct_size = sizeof(tenon_plugin_descriptor),
          .magic = TENON_MAGIC,
          .abi_major = TENON_ABI_MAJOR,
          .abi_minor = TENON_ABI_MINOR,
          .abi_minor_min = 0,
          .reserved = 0,
          .id = {"echo", 4},
          .version = {"1.2.3", 5},
          .build_info = {"", 0},
          .create = create};
}

std::string refusal(const tenon_plugin_descriptor* d) {
  auto adopted = adopt_descriptor(d, "/p/x.so");
  return adopted ? "accepted" : adopted.error().message;
}

TEST(Negotiate, AcceptsItsOwnVersion) {
  const auto d = good();
  const auto adopted = adopt_descriptor(&d, "/p/x.so");
  ASSERT_TRUE(adopted) << adopted.error().message;
  EXPECT_EQ(adopted->info.id, "echo");
  EXPECT_EQ(adopted->info.version, "1.2.3");
}

TEST(Negotiate, RefusesAForeignMajorWithBothRangesAndTheWayOut) {
  auto d = good();
  d.abi_major = 7;
  d.abi_minor = 3;
  EXPECT_THAT(refusal(&d), HasSubstr("/p/x.so"));
  EXPECT_THAT(refusal(&d), HasSubstr("7.0–7.3"));
  EXPECT_THAT(refusal(&d), HasSubstr("1.0–1.0"));
  EXPECT_THAT(refusal(&d), HasSubstr("use a newer host"));
}

TEST(Negotiate, RefusesAPluginThatNeedsANewerMinor) {
  auto d = good();
  d.abi_minor = TENON_ABI_MINOR + 5;
  d.abi_minor_min = TENON_ABI_MINOR + 1;
  EXPECT_THAT(refusal(&d), HasSubstr("use a newer host"));
}

TEST(Negotiate, AcceptsANewerPluginThatStillServesThisMinor) {
  auto d = good();
  d.abi_minor = TENON_ABI_MINOR + 5;
  EXPECT_EQ(refusal(&d), "accepted");
}

TEST(Negotiate, RefusesWhatIsNoDescriptor) {
  EXPECT_THAT(refusal(nullptr), HasSubstr("no descriptor"));
  auto d = good();
  d.magic = 1;
  EXPECT_THAT(refusal(&d), HasSubstr("magic"));
  d = good();
  d.struct_size = 8;
  EXPECT_THAT(refusal(&d), HasSubstr("size is 8"));
  d = good();
  d.create = nullptr;
  EXPECT_THAT(refusal(&d), HasSubstr("create is null"));
}

tenon_plugin_api full_table() {
  tenon_plugin_api api{};
  std::vector<void*> any(sizeof api / sizeof(void*), reinterpret_cast<void*>(&create));
  std::memcpy(static_cast<void*>(&api), any.data(), sizeof api);
  api.struct_size = sizeof api;
  return api;
}

TEST(Negotiate, NamesTheMissingEntry) {
  auto api = full_table();
  api.submit = nullptr;
  const auto adopted = adopt_api(&api, "/p/x.so");
  ASSERT_FALSE(adopted);
  EXPECT_THAT(adopted.error().message, HasSubstr("submit is null"));
}

TEST(Negotiate, OptionalEntriesMayBeNull) {
  auto api = full_table();
  api.body = nullptr;
  api.credit = nullptr;
  api.cancel = nullptr;
  api.drain = nullptr;
  api.trim = nullptr;
  api.health = nullptr;
  api.get_extension = nullptr;
  EXPECT_TRUE(adopt_api(&api, "/p/x.so"));
}

// A later version of the table, longer by two entries, as an older host meets it; and the reverse.
struct LongerTable {
  tenon_plugin_api base;
  void* later[2];
};

TEST(Negotiate, ALongerTableLosesItsTail) {
  LongerTable longer{.base = full_table(), .later = {}};
  longer.base.struct_size = sizeof longer;
  const auto adopted = adopt_api(&longer.base, "/p/x.so");
  ASSERT_TRUE(adopted);
  EXPECT_EQ(adopted->struct_size, sizeof(tenon_plugin_api));
}

TEST(Negotiate, AShorterStructReadsAsZeroBehindItsEnd) {
  // Exactly as many bytes as the peer says it has: a read beyond them is an error under ASan.
  std::vector<unsigned char> bytes(offsetof(tenon_request, headers), 0xff);
  const std::uint32_t size = static_cast<std::uint32_t>(bytes.size());
  std::memcpy(bytes.data(), &size, sizeof size);
  const auto mine = adopt_prefix(reinterpret_cast<const tenon_request*>(bytes.data()));
  EXPECT_EQ(mine.struct_size, sizeof(tenon_request));
  EXPECT_EQ(mine.flags, 0xffffffffu);
  EXPECT_EQ(mine.headers, nullptr);
  EXPECT_EQ(mine.n_body, 0u);
}

}  // namespace
}  // namespace tenon::plugins
