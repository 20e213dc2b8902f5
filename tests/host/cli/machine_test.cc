#include "host/cli/machine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

namespace tenon::cli {
namespace {

using testing::HasSubstr;

TEST(Machine, PathsCountFromTheWorkingDirectory) {
  const Machine machine;
  const std::string here = std::filesystem::current_path();
  EXPECT_EQ(machine.absolute("configs"), here + "/configs");
  EXPECT_EQ(machine.absolute("./a/../configs/"), here + "/configs");
  EXPECT_EQ(machine.absolute("/x/"), "/x");
  EXPECT_EQ(machine.absolute("/"), "/");
  EXPECT_TRUE(machine.is_folder(here));
  EXPECT_FALSE(machine.is_folder(here + "/nothing"));
  EXPECT_FALSE(machine.is_folder("/proc/self/status"));
}

TEST(Machine, ReadsWholeFilesOrNamesThem) {
  const auto text = read_file("configs/echo.toml");
  ASSERT_TRUE(text);
  EXPECT_THAT(*text, HasSubstr("[[deployment]]"));
  EXPECT_EQ(read_file("configs").error().message, "configs: a folder, expected a file");
  EXPECT_EQ(read_file("no.toml").error().message, "no.toml: No such file or directory");
}

TEST(Machine, KnowsWhereTheProgramLies) {
  EXPECT_TRUE(std::filesystem::exists(program_folder() + "/cli_test"));
}

}  // namespace
}  // namespace tenon::cli
