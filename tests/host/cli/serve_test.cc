// `tenon serve` as a process: what it refuses, what it says, which signals it follows.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "host/cli/get.h"
#include "host/cli/http_client.h"
#include "tests/host/cli/program.h"

namespace tenon::cli {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::Not;

class Serve : public testing::Test {
 protected:
  Serve() : folder_(fs::temp_directory_path() / ("tenon-serve-" + std::to_string(::getpid()))) {
    fs::create_directories(folder_);
  }
  ~Serve() override { fs::remove_all(folder_); }

  static std::string deployment(const std::string& model) {
    return "[[deployment]]\nmodel = \"" + model +
           "\"\nruntime = \"echo\"\norigin = \"file:samples/echo\"\n";
  }

  std::string write(const std::string& deployments, const std::string& listen = "127.0.0.1:0",
                    const std::string& data = "data") {
    const char* build = ::getenv("TENON_BUILD_DIR");
    const std::string path = folder_ / "host.toml";
    std::ofstream(path) << "[host]\nlisten = [\"" << listen << "\"]\ndata = \""
                        << (folder_ / data).string() << "\"\nprune = true\nplugins = [\""
                        << (build ? build : "build/release") << "/plugins/echo\"]\n"
                        << deployments;
    return path;
  }

  static std::string url_of(Program& host) {
    const std::string line = host.line_with("listening url=");
    return line.substr(line.find("http://"));
  }

  // The body of a 200 answer.
  static std::string http_get(const std::string& url, const std::string& path) {
    const auto reply = http_send({.base = url, .path = path, .timeout = std::chrono::seconds(60)});
    EXPECT_TRUE(reply) << reply.error().message;
    EXPECT_EQ(reply ? reply->status : 0, 200u) << path;
    return reply ? reply->body : "";
  }

  const fs::path folder_;
};

TEST_F(Serve, RefusesAFileWithMistakesAndStartsNothing) {
  const std::string path = write("[[deployment]]\nmodle = \"x\"\nruntime = \"ecco\"\n");
  Program host({"serve", path});
  host.line_with("nothing has this text");
  EXPECT_EQ(host.status(), kBadUsage);
  EXPECT_EQ(host.said(),
            path + ":6:1: 'model' is missing in [[deployment]]\n" + path +
                ":6:1: 'origin' is missing in [[deployment]]\n" + path +
                ":7:1: unknown key 'modle' in [[deployment]]; did you mean 'model'?\n" + path +
                ":8:11: there is no runtime 'ecco'; did you mean 'echo'?\n\n");
  EXPECT_FALSE(fs::exists(folder_ / "data"));
}

TEST_F(Serve, ChecksWithoutStarting) {
  EXPECT_EQ(Program({"serve", "--check", write(deployment("a"))}).status(), kOk);
  EXPECT_EQ(Program({"serve", "--check", write("x = 1\n")}).status(), kBadUsage);
  EXPECT_FALSE(fs::exists(folder_ / "data"));
}

TEST_F(Serve, BadUsage) {
  EXPECT_EQ(Program({"serve"}).status(), kBadUsage);
  EXPECT_EQ(Program({"serve", "a", "b"}).status(), kBadUsage);
  EXPECT_EQ(Program({"serve", folder_ / "none.toml"}).status(), kBadUsage);
  EXPECT_EQ(Program({"serv"}).status(), kBadUsage);
  EXPECT_EQ(Program({}).status(), kBadUsage);
}

TEST_F(Serve, AnAddressInUseIsAFailure) {
  Program first({"serve", write("")});
  const std::string address = url_of(first).substr(std::string_view("http://").size());
  Program second({"serve", write("", address, "other")});
  EXPECT_NE(second.line_with(address), "");
  EXPECT_EQ(second.status(), kFailed);
}

TEST_F(Serve, TwoHostsDoNotShareAStore) {
  Program first({"serve", write(deployment("a"))});
  url_of(first);
  Program second({"serve", write(deployment("a"))});
  EXPECT_NE(second.line_with("is in use by a host, process " + std::to_string(first.pid())), "");
  EXPECT_EQ(second.status(), kFailed);
}

TEST_F(Serve, TheStoreIsForItsOwnerOnly) {
  Program host({"serve", write(deployment("a"))});
  url_of(host);
  EXPECT_EQ(fs::status(folder_ / "data/tenon.db").permissions(),
            fs::perms::owner_read | fs::perms::owner_write);
}

TEST_F(Serve, ItsStoreIsBackedUpWhileItServesAndRestoredWhenItDoesNot) {
  const std::string copy = folder_ / "copy.db", data = folder_ / "data";
  {
    Program host({"serve", write(deployment("a"))});
    url_of(host);
    EXPECT_EQ(Program({"backup", copy, "--data", data}).status(), kOk);
    Program restore({"restore", copy, "--data", data});
    EXPECT_NE(restore.line_with("is in use by a host"), "");
    EXPECT_EQ(restore.status(), kFailed);
  }
  EXPECT_EQ(Program({"restore", copy, "--data", data}).status(), kOk);
  // Another file, which manages none of it and so prunes none.
  fs::rename(write(""), folder_ / "other.toml");
  Program host({"serve", folder_ / "other.toml"});
  EXPECT_THAT(http_get(url_of(host), "/v0/models"), HasSubstr("\"model\":\"a\""));
}

TEST_F(Serve, ServesReloadsAndStops) {
  const std::string path = write(deployment("keep") + deployment("drop"));
  Program host({"serve", path});
  const std::string url = url_of(host);
  EXPECT_NE(host.line_with("deployments=2"), "");
  EXPECT_EQ(http_get(url, "/readyz"), "ready\n");
  EXPECT_THAT(http_get(url, "/default/models/keep"), "");

  write(deployment("keep") + deployment("new"));
  host.signal(SIGHUP);
  EXPECT_THAT(host.line_with("configuration changed"), HasSubstr("added=1 changed=0 removed=1"));
  std::ostringstream table, errors;
  EXPECT_EQ(get({"models", "--api", url}, {table, errors}), kOk) << errors.str();
  EXPECT_THAT(table.str(), HasSubstr("default    new "));
  EXPECT_THAT(table.str(), Not(HasSubstr("drop")));

  write(deployment("keep") + "[[deployment]]\nmodle = 3\n");
  host.signal(SIGHUP);
  EXPECT_NE(host.line_with("modle"), "");
  EXPECT_THAT(http_get(url, "/default/models/new"), "");

  host.signal(SIGTERM);
  EXPECT_NE(host.line_with("stopped"), "");
  EXPECT_EQ(host.status(), kOk);
}

TEST_F(Serve, SaysWhichKeysWaitForARestart) {
  Program host({"serve", write(deployment("a"))});
  url_of(host);
  write(deployment("a") + "[host.limits]\nconnections = 3\n");
  for (int i = 0; i < 2; ++i) {  // at every reload until then
    host.signal(SIGHUP);
    EXPECT_THAT(host.line_with("restart"), HasSubstr("key=host.limits"));
    EXPECT_NE(host.line_with("configuration changed"), "");
  }
  host.signal(SIGINT);
  EXPECT_NE(host.line_with("stopped"), "");
  EXPECT_EQ(host.status(), kOk);
}

}  // namespace
}  // namespace tenon::cli
