#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "host/plugins/manifest_reader.h"

namespace tenon::plugins {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class Scan : public testing::Test {
 protected:
  Scan() {
    std::string name = (fs::temp_directory_path() / "tenon-scan-XXXXXX").string();
    root_ = mkdtemp(name.data());
  }
  ~Scan() override { fs::remove_all(root_); }

  // A plugin in a folder of its own; the library is no library, and nobody is to notice.
  void plugin(const fs::path& folder, const std::string& id, bool library = true) {
    fs::create_directories(root_ / folder);
    std::ofstream(root_ / folder / kManifestName)
        << "id = '" << id << "'\nversion = '1'\nlibrary = 'x.so'\nabi = '1.0'\n";
    if (library) std::ofstream(root_ / folder / "x.so") << "not a library";
  }
  Result<std::vector<Manifest>> scan_all(std::vector<std::string> folders) {
    for (std::string& folder : folders) folder = (root_ / folder).string();
    return scan(folders);
  }

  fs::path root_;
};

TEST_F(Scan, FindsPluginsByIdAndOpensNothing) {
  plugin("a/zeta", "zeta");
  plugin("a/alpha", "alpha");
  plugin("b", "beta");  // a folder that is itself a plugin
  fs::create_directories(root_ / "a/empty");
  const auto found = scan_all({"a", "b", "a"});
  ASSERT_TRUE(found) << found.error().message;
  ASSERT_EQ(found->size(), 3u);
  EXPECT_EQ((*found)[0].id, "alpha");
  EXPECT_EQ((*found)[0].library, (root_ / "a/alpha/x.so").string());
  EXPECT_EQ((*found)[1].id, "beta");
  EXPECT_EQ((*found)[2].id, "zeta");
}

TEST_F(Scan, TwoPluginsOfOneIdAreAnError) {
  plugin("a/one", "same");
  plugin("a/two", "same");
  const auto found = scan_all({"a"});
  ASSERT_FALSE(found);
  EXPECT_THAT(found.error().message, HasSubstr("a/two/tenon-plugin.toml: plugin 'same' exists"));
  EXPECT_THAT(found.error().message, HasSubstr("a/one/x.so"));
}

TEST_F(Scan, SaysAllThatIsWrongAtOnce) {
  plugin("a/one", "no-library", false);
  fs::create_directories(root_ / "a/two");
  std::ofstream(root_ / "a/two" / kManifestName) << "idd = 'x'\n";
  const auto found = scan_all({"a", "missing"});
  ASSERT_FALSE(found);
  EXPECT_THAT(found.error().message, HasSubstr("its library is not there"));
  EXPECT_THAT(found.error().message, HasSubstr("a/two/tenon-plugin.toml:1:1:"));
  EXPECT_THAT(found.error().message, HasSubstr("missing: "));
}

}  // namespace
}  // namespace tenon::plugins
