#include "host/plugins/library.h"

#include <dlfcn.h>
#include <gmock/gmock.h>
#include <gnu/libc-version.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

namespace tenon::plugins {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

fs::path built(const std::string& path) {
  return fs::path(std::getenv("TENON_BUILD_DIR")) / path;
}

std::string refusal(const fs::path& path) {
  const auto library = Library::open(path.string());
  return library ? "opened" : library.error().message;
}

class LibraryTest : public testing::Test {
 protected:
  LibraryTest() {
    std::string name = (fs::temp_directory_path() / "tenon-library-XXXXXX").string();
    folder_ = mkdtemp(name.data());
  }
  ~LibraryTest() override { fs::remove_all(folder_); }
  fs::path folder_;
};

TEST_F(LibraryTest, OpensOnlyTheFileThatItShallBe) {
  const auto path = folder_ / "tenon_echo.so";
  fs::copy_file(built("plugins/echo/tenon_echo.so"), path);
  const std::string first = file_identity(path.string());
  fs::copy_file(path, folder_ / "new");
  fs::rename(folder_ / "new", path);
  const auto refused = Library::open(path.string(), first);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("another file than the one whose SHA-256"));
  const std::string second = file_identity(path.string());
  EXPECT_TRUE(Library::open(path.string(), second));
  fs::copy_file(path, folder_ / "new");
  fs::rename(folder_ / "new", path);
  const auto opened = Library::open(path.string(), file_identity(path.string()));
  ASSERT_FALSE(opened);  // what is open is the earlier one
  EXPECT_THAT(opened.error().message, HasSubstr("until the host is restarted"));
}

TEST_F(LibraryTest, OpensAGoodOneOnceAndForAll) {
  const auto path = built("plugins/echo/tenon_echo.so").string();
  const auto first = Library::open(path);
  ASSERT_TRUE(first) << first.error().message;
  EXPECT_EQ(first->descriptor().info.id, "echo");
  std::vector<std::jthread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      const auto again = Library::open(path);
      ASSERT_TRUE(again);
      EXPECT_EQ(again->descriptor().create, first->descriptor().create);
    });
  }
}

TEST_F(LibraryTest, RefusesForeignVersionsAndMagic) {
  EXPECT_THAT(refusal(built("test-plugins/future-major/tenon_future-major.so")),
              HasSubstr("it speaks ABI 2.0"));
  EXPECT_THAT(refusal(built("test-plugins/wrong-magic/tenon_wrong-magic.so")), HasSubstr("magic"));
}

TEST_F(LibraryTest, RefusesAFileThatOthersMayWrite) {
  const fs::path copy = folder_ / "echo.so";
  fs::copy_file(built("plugins/echo/tenon_echo.so"), copy);
  ASSERT_EQ(chmod(copy.c_str(), 0666), 0);
  EXPECT_THAT(refusal(copy), HasSubstr("anybody may write to it"));
  ASSERT_EQ(chmod(copy.c_str(), 0644), 0);
  EXPECT_EQ(refusal(copy), "opened");
}

TEST_F(LibraryTest, SaysWhatIsWrongWithTheFile) {
  EXPECT_THAT(refusal("relative.so"), HasSubstr("must be absolute"));
  EXPECT_THAT(refusal(folder_ / "none.so"), HasSubstr("No such file"));
  EXPECT_THAT(refusal(folder_), HasSubstr("not a regular file"));
  std::ofstream(folder_ / "text.so") << "hello";
  // The loader's own words.
  EXPECT_THAT(refusal(folder_ / "text.so"), HasSubstr("file too short"));
}

TEST_F(LibraryTest, RefusesALibraryThatIsNoPlugin) {
  Dl_info libc;
  ASSERT_NE(dladdr(reinterpret_cast<void*>(&gnu_get_libc_version), &libc), 0);
  EXPECT_THAT(refusal(fs::canonical(libc.dli_fname)), HasSubstr("not a Tenon plugin"));
}

}  // namespace
}  // namespace tenon::plugins
