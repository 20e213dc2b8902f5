#include "host/cli/plugin_commands.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

namespace tenon::cli {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

struct Ran {
  int status;
  std::string out, err;
};

Ran run(int (*verb)(const Arguments&, Streams), const Arguments& words) {
  std::ostringstream out, err;
  const int status = verb(words, {out, err});
  return {status, out.str(), err.str()};
}

class Plugins : public testing::Test {
 protected:
  Plugins() : folder_(fs::temp_directory_path() / ("tenon-cli-" + std::to_string(::getpid()))) {
    fs::create_directories(folder_ / "echo");
    std::ofstream(folder_ / "echo/tenon_echo.so") << "no library";
    ::chmod((folder_ / "echo/tenon_echo.so").c_str(), 0644);
  }
  ~Plugins() override { fs::remove_all(folder_); }

  const fs::path folder_;
};

TEST_F(Plugins, AFolderWithoutThemIsAnEmptyTable) {
  const Ran ran = run(plugin_list, {"--plugins", folder_});
  EXPECT_EQ(ran.status, kOk) << ran.err;
  EXPECT_EQ(ran.out, "NAME  VERSION  ABI  RUNS ON  SERVES  LIBRARY\n");
}

TEST_F(Plugins, ABrokenManifestIsSaidWithItsPlace) {
  std::ofstream(folder_ / "echo/tenon-plugin.toml") << "idd = 'echo'\n";
  const Ran ran = run(plugin_list, {"--plugins", folder_});
  EXPECT_EQ(ran.status, kFailed);
  EXPECT_THAT(ran.err, HasSubstr("tenon-plugin.toml:1:1: unknown key 'idd'"));
}

TEST_F(Plugins, BadUsage) {
  EXPECT_EQ(run(plugin_list, {"--plugins", folder_ / "none"}).status, kBadUsage);
  EXPECT_EQ(run(plugin_list, {"--plugin", "x"}).status, kBadUsage);
  EXPECT_EQ(run(plugin_inspect, {}).status, kBadUsage);
  EXPECT_EQ(run(plugin_inspect, {"a", "b"}).status, kBadUsage);
}

TEST_F(Plugins, InspectSaysWhyALibraryIsRefused) {
  const std::string path = folder_ / "echo/tenon_echo.so";
  const Ran ran = run(plugin_inspect, {path});
  EXPECT_EQ(ran.status, kFailed);
  EXPECT_THAT(ran.err, HasSubstr(path));
  EXPECT_THAT(run(plugin_inspect, {folder_ / "gone.so"}).err,
              HasSubstr("gone.so: No such file or directory"));
}

}  // namespace
}  // namespace tenon::cli
