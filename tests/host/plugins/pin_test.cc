#include "host/plugins/pin.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "host/plugins/library.h"

namespace tenon::plugins {
namespace {

using testing::HasSubstr;

// "abc", and what FIPS 180 says of it.
constexpr const char* kDigest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

class Pin : public testing::Test {
 protected:
  Pin()
      : path_(std::filesystem::temp_directory_path() / ("tenon-pin-" + std::to_string(getpid()))) {
    std::ofstream(path_) << "abc";
    plugin_.id = "tei";
    plugin_.library = path_.string();
  }
  ~Pin() override { std::filesystem::remove(path_); }

  Result<void> check(const std::string& name, const std::string& digest) {
    PluginGrant grant;
    grant.name = name;
    grant.sha256 = digest;
    return check_pins({&plugin_, 1}, {&grant, 1});
  }

  std::filesystem::path path_;
  Manifest plugin_;
};

TEST_F(Pin, ComputesTheDigest) {
  EXPECT_EQ(sha256_of(path_.string()), kDigest);
  EXPECT_FALSE(sha256_of("/nowhere/x.so"));
}

TEST_F(Pin, OnlyThePinnedContentPasses) {
  EXPECT_TRUE(check("tei", kDigest));
  EXPECT_TRUE(check("tei", ""));
  EXPECT_TRUE(check("other", std::string(64, '0')));
  const auto refused = check("tei", std::string(64, '0'));
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr(path_.string()));
  EXPECT_THAT(refused.error().message, HasSubstr(kDigest));
}

TEST_F(Pin, NamesTheFileThatPassed) {
  PluginGrant grant;
  grant.name = "tei";
  EXPECT_EQ(check_pin(plugin_.library, grant), "");
  grant.sha256 = kDigest;
  const auto passed = check_pin(plugin_.library, grant);
  EXPECT_EQ(passed, file_identity(plugin_.library));
  EXPECT_NE(passed, "");
  std::ofstream(path_) << "abd";
  EXPECT_NE(passed, file_identity(plugin_.library));
}

}  // namespace
}  // namespace tenon::plugins
