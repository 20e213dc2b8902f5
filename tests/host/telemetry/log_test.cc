#include "host/telemetry/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>

#include <boost/json.hpp>
#include <limits>
#include <sstream>
#include <thread>
#include <vector>

namespace tenon::log {
namespace {

using testing::EndsWith;
using testing::HasSubstr;

class Log : public testing::Test {
 protected:
  void start(LogFormat format, LogLevel level) {
    configure(format, level, std::make_shared<spdlog::sinks::ostream_sink_mt>(out_));
  }
  ~Log() override { configure(LogFormat::kText, LogLevel::kInfo); }

  std::ostringstream out_;
};

TEST_F(Log, TextIsOneLineOfNamesAndValues) {
  start(LogFormat::kText, LogLevel::kInfo);
  info("replica ready", {{"deployment", "default/a@production"},
                         {"pid", 7},
                         {"bytes", std::uint64_t{1} << 63},
                         {"seconds", 0.25},
                         {"template", true},
                         {"why", "it said \"no\""},
                         {"empty", ""}});
  EXPECT_THAT(out_.str(), EndsWith("Z info  replica ready deployment=default/a@production pid=7 "
                                   "bytes=9223372036854775808 seconds=0.25 template=true "
                                   "why=\"it said \\\"no\\\"\" empty=\"\"\n"));
}

TEST_F(Log, JsonIsOneObject) {
  start(LogFormat::kJson, LogLevel::kDebug);
  debug("said", {{"text", "tab\there"}, {"n", -3}, {"x", std::numeric_limits<double>::infinity()}});
  const auto line = boost::json::parse(out_.str()).as_object();
  EXPECT_EQ(line.at("level"), "debug");
  EXPECT_EQ(line.at("event"), "said");
  EXPECT_EQ(line.at("text"), "tab\there");
  EXPECT_EQ(line.at("n"), -3);
  EXPECT_TRUE(line.at("x").is_null());
  EXPECT_THAT(line.at("time").as_string().c_str(), EndsWith("Z"));
}

TEST_F(Log, LevelsBelowTheLeastAreDropped) {
  start(LogFormat::kText, LogLevel::kWarn);
  debug("a");
  info("b");
  EXPECT_EQ(out_.str(), "");
  warn("c");
  error("d");
  EXPECT_THAT(out_.str(), HasSubstr("warn  c\n"));
  EXPECT_THAT(out_.str(), HasSubstr("error d\n"));
}

// Whatever bytes a client sends, a line stays one line, and JSON stays JSON.
TEST_F(Log, ForeignBytesCannotForgeLines) {
  std::vector<std::string> hostile = {"a\nb",
                                      "a\r\nb",
                                      "\x1b[31mred",
                                      "\xc2\x9b"
                                      "31m",
                                      "\xff\xfe",
                                      "\xe2\x82",
                                      "\xed\xa0\x80",
                                      "\xf4\x90\x80\x80",
                                      "\xc0\xaf",
                                      "\\",
                                      "\"",
                                      std::string("\0", 1),
                                      "\x7f"};
  std::string every;
  for (int byte = 0; byte < 256; ++byte) every += static_cast<char>(byte);
  hostile.push_back(every);
  for (LogFormat format : {LogFormat::kText, LogFormat::kJson}) {
    for (const std::string& value : hostile) {
      out_.str("");
      start(format, LogLevel::kInfo);
      info(value, {{"path", value}});
      const std::string line = out_.str();
      ASSERT_EQ(line.find('\n'), line.size() - 1);
      for (char c : line.substr(0, line.size() - 1)) EXPECT_GE(static_cast<unsigned char>(c), ' ');
      if (format == LogFormat::kJson) {
        boost::system::error_code error;
        boost::json::parse(line, error);
        EXPECT_FALSE(error) << line;
      }
    }
  }
}

TEST_F(Log, ValidUtf8StaysReadable) {
  start(LogFormat::kJson, LogLevel::kInfo);
  info("x", {{"model", "日本語 é 😀"}});
  EXPECT_THAT(out_.str(), HasSubstr("\"model\":\"日本語 é 😀\""));
}

TEST_F(Log, ThreadsDoNotMixLines) {
  start(LogFormat::kText, LogLevel::kInfo);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([] {
      for (int i = 0; i < 200; ++i) info("event", {{"tail", "end"}});
    });
  }
  for (auto& thread : threads) thread.join();
  std::istringstream lines(out_.str());
  int count = 0;
  for (std::string line; std::getline(lines, line); ++count) {
    EXPECT_THAT(line, EndsWith("info  event tail=end"));
  }
  EXPECT_EQ(count, 800);
}

TEST_F(Log, LinesOfADeploymentAreToldBesideOthersAreNot) {
  start(LogFormat::kJson, LogLevel::kInfo);
  std::vector<std::string> told;
  listen([&](const Line& line) {
    told.push_back(std::string(line.deployment) + " " + std::string(to_string(line.level)) + " " +
                   std::string(line.text));
  });
  info("replica ready", {{"deployment", "w/a@e"}, {"pid", 7}});
  warn("other", {{"pid", 7}});
  debug("not kept", {{"deployment", "w/a@e"}});
  listen(nullptr);
  info("replica ends", {{"deployment", "w/a@e"}});
  EXPECT_THAT(told, testing::ElementsAre("w/a@e info replica ready pid=7"));
}

}  // namespace
}  // namespace tenon::log
