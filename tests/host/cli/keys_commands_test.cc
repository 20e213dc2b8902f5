#include "host/cli/keys_commands.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "host/store/sqlite_store.h"
#include "tests/host/cli/one_answer.h"

namespace tenon::cli {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;
namespace fs = std::filesystem;

class KeysCommands : public testing::Test {
 protected:
  KeysCommands() { fs::remove_all(folder_); }
  ~KeysCommands() override { fs::remove_all(folder_); }

  int ask(int (*verb)(const Arguments&, Streams), Arguments words) {
    out_.str("");
    err_.str("");
    return verb(words, {out_, err_});
  }
  // In the store of a host that does not run.
  int offline(int (*verb)(const Arguments&, Streams), Arguments words) {
    words.insert(words.end(), {"--data", data_});
    return ask(verb, std::move(words));
  }
  boost::json::array keys() {
    EXPECT_EQ(offline(keys_list, {"-o", "json"}), kOk) << err_.str();
    return boost::json::parse(out_.str()).at("items").as_array();
  }

  const fs::path folder_ =
      fs::temp_directory_path() / ("tenon-keys-commands-" + std::to_string(::getpid()));
  const std::string data_ = folder_ / "not/there/yet";
  std::ostringstream out_, err_;
};

TEST_F(KeysCommands, WithoutAHostKeysAreMadeListedAndDeletedInItsStore) {
  ASSERT_EQ(offline(keys_create, {"--role", "admin", "--name", "boss"}), kOk) << err_.str();
  EXPECT_THAT(out_.str(), StartsWith("tn_"));
  EXPECT_THAT(err_.str(), HasSubstr("shown this once"));
  const std::string secret = out_.str();
  ASSERT_EQ(offline(keys_create, {"--role", "invoke", "-w", "team", "--expires", "90d"}), kOk);
  EXPECT_EQ(offline(keys_list, {}), kOk);
  EXPECT_THAT(out_.str(), HasSubstr("boss"));
  EXPECT_THAT(out_.str(), Not(HasSubstr(secret)));
  EXPECT_EQ(offline(keys_list, {"-w", "team"}), kOk);
  EXPECT_THAT(out_.str(), Not(HasSubstr("boss")));
  const std::string id(keys()[0].at("id").as_string());
  EXPECT_EQ(offline(keys_delete, {id}), kOk);
  EXPECT_EQ(keys().size(), 1u);
  EXPECT_EQ(offline(keys_delete, {id}), kFailed);
  EXPECT_THAT(err_.str(), HasSubstr("there is no key '" + id + "'"));
}

TEST_F(KeysCommands, AKeyGoesToANewFileOfItsOwnerOnly) {
  fs::create_directories(folder_);
  const std::string file = folder_ / "admin.key";
  ASSERT_EQ(offline(keys_create, {"--role", "admin", "--out", file}), kOk) << err_.str();
  EXPECT_EQ(out_.str(), "");
  EXPECT_EQ(fs::status(file).permissions(), fs::perms::owner_read | fs::perms::owner_write);
  std::ifstream stream(file);
  std::string line;
  std::getline(stream, line);
  EXPECT_THAT(line, StartsWith("tn_"));
  EXPECT_EQ(offline(keys_create, {"--role", "admin", "--out", file}), kFailed);
  EXPECT_EQ(keys().size(), 1u);
}

TEST_F(KeysCommands, AFileIsNotLeftWithoutAKey) {
  fs::create_directories(folder_);
  const std::string file = folder_ / "x.key";
  EXPECT_EQ(offline(keys_create, {"--role", "boss", "--out", file}), kBadUsage);
  EXPECT_THAT(err_.str(), HasSubstr("expected admin, member or invoke, found 'boss'"));
  EXPECT_FALSE(fs::exists(file));
}

TEST_F(KeysCommands, AStoreThatAHostHoldsIsLeftAlone) {
  fs::create_directories(data_);
  const auto held = store::SqliteStore::open(data_ + "/tenon.db");
  ASSERT_TRUE(held);
  EXPECT_EQ(offline(keys_create, {"--role", "admin"}), kFailed);
  EXPECT_THAT(err_.str(), HasSubstr("in use by a host"));
  EXPECT_THAT(err_.str(), HasSubstr("--api URL"));
}

TEST_F(KeysCommands, AHostIsAskedWithTheKeyOfAFile) {
  fs::create_directories(folder_);
  std::ofstream(folder_ / "key") << "tn_secret\n";
  Answers host({http_answer(R"({"id":"k1","role":"invoke","key":"tn_new"})")});
  EXPECT_EQ(ask(keys_create, {"--role", "invoke", "-w", "team", "--api", host.url(), "--key-file",
                              folder_ / "key"}),
            kOk)
      << err_.str();
  EXPECT_EQ(out_.str(), "tn_new\n");
  host.join();
  EXPECT_THAT(host.requests[0], StartsWith("POST /v0/keys "));
  EXPECT_THAT(host.requests[0], HasSubstr("Bearer tn_secret\r\n"));
  EXPECT_THAT(host.requests[0], EndsWith(R"({"role":"invoke","workspace":"team"})"));
}

TEST_F(KeysCommands, SaysWhatIsWrongWithACommandLine) {
  EXPECT_EQ(ask(keys_create, {}), kBadUsage);
  EXPECT_EQ(ask(keys_delete, {}), kBadUsage);
  EXPECT_EQ(ask(keys_list, {"-o", "xml"}), kBadUsage);
  EXPECT_EQ(ask(keys_list, {"--data", data_, "--api", "http://127.0.0.1:1"}), kBadUsage);
  EXPECT_THAT(err_.str(), HasSubstr("exclude each other"));
  EXPECT_EQ(ask(keys_list, {"--api", "ftp://x"}), kBadUsage);
  EXPECT_EQ(ask(keys_list, {"--api", "http://127.0.0.1:1"}), kFailed);
  EXPECT_THAT(err_.str(), HasSubstr("--config or --data"));
  EXPECT_FALSE(fs::exists(data_));
}

}  // namespace
}  // namespace tenon::cli
