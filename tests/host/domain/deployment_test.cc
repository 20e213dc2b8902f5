#include "host/domain/deployment.h"

#include <gtest/gtest.h>

#include "host/domain/api_error.h"

namespace tenon {
namespace {

TEST(Name, IsLowerCaseLettersDigitsAndInnerDashes) {
  for (const char* name : {"a", "7", "minilm", "all-minilm-l6-v2", "0-9"}) {
    EXPECT_TRUE(is_valid_name(name)) << name;
  }
  for (const char* name :
       {"", "-", "-a", "a-", "A", "a_b", "a.b", "a/b", "a b", "é", "..", "a\n"}) {
    EXPECT_FALSE(is_valid_name(name)) << name;
  }
  EXPECT_TRUE(is_valid_name(std::string(63, 'x')));
  EXPECT_FALSE(is_valid_name(std::string(64, 'x')));
  EXPECT_FALSE(is_valid_name(std::string_view("a\0b", 3)));
}

TEST(Name, OfAWorkspaceDoesNotHideTheHostsOwnPaths) {
  for (const char* name : {"v0", "v1", "v2", "healthz", "readyz", "metrics", "console"}) {
    EXPECT_TRUE(is_reserved_workspace(name)) << name;
  }
  EXPECT_FALSE(is_reserved_workspace("default"));
  EXPECT_FALSE(is_reserved_workspace("v3"));
}

TEST(DeploymentKey, ReadsAsAPath) {
  EXPECT_EQ(to_string({"default", "minilm", "production"}), "default/minilm@production");
}

TEST(ApiError, EveryKindOfErrorHasAStatusOfAnError) {
  for (int code = 0; code <= static_cast<int>(Code::kInternal); ++code) {
    const ApiError error = api_error_of(static_cast<Code>(code));
    EXPECT_FALSE(error.code.empty());
    EXPECT_GE(error.status, 400u);
  }
  EXPECT_EQ(api_error_of(Code::kInvalid).status, 400u);
  EXPECT_EQ(api_error_of(Code::kUnavailable), api::kUnavailable);
  EXPECT_TRUE(api_error_of(Code::kUnavailable).retryable);
}

}  // namespace
}  // namespace tenon
