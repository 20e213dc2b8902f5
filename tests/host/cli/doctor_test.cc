#include "host/cli/doctor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <filesystem>
#include <sstream>

#include "host/cli/completion.h"

namespace tenon::cli {
namespace {

using testing::HasSubstr;
using State = Finding::State;

TEST(Doctor, OnlyWhatIsWrongIsAFailure) {
  std::ostringstream out;
  const std::vector<Finding> fine = {{State::kOk, "a", "b", ""},
                                     {State::kMissing, "GPU", "no\ndriver", "no place"}};
  EXPECT_EQ(print_findings(fine, out), kOk);
  EXPECT_EQ(out.str(),
            "ok       a              b\nmissing  GPU            no?driver\n"
            "                        no place\n");
  EXPECT_EQ(print_findings(std::vector<Finding>{{State::kWrong, "x", "y", "z"}}, out), kFailed);
}

TEST(Doctor, TellsWhatALackCosts) {
  EXPECT_EQ(check_landlock(7).state, State::kOk);
  EXPECT_EQ(check_landlock(0).state, State::kMissing);
  EXPECT_THAT(check_landlock(3).costs, HasSubstr("TCP"));
  EXPECT_THAT(check_landlock(5).costs, HasSubstr("signals"));
  devices::Cpus cpus;
  EXPECT_EQ(check_processor(cpus).state, State::kMissing);
  cpus.isa = {"avx2"};
  EXPECT_EQ(check_processor(cpus).state, State::kOk);
  EXPECT_EQ(check_descriptors(4'000'000'000).state, State::kMissing);
  EXPECT_EQ(check_gpus({}).state, State::kMissing);
  devices::Gpus gpus;
  gpus.devices.resize(1);
  gpus.devices[0].name = "Tesla T4";
  gpus.devices[0].flavor = {FlavorType::kGpu, "t4"};
  EXPECT_EQ(check_gpus(gpus).found, "Tesla T4 (gpu/t4)");
  EXPECT_EQ(check_docker("/nowhere/docker.sock").state, State::kMissing);
}

TEST(Doctor, WithoutProgramsPluginsOrDataNothingServes) {
  const std::string folder = testing::TempDir() + "tenon-doctor-empty";
  std::filesystem::create_directories(folder);
  EXPECT_EQ(check_worker(folder).state, State::kWrong);
  EXPECT_EQ(check_plugins({folder}).state, State::kWrong);
  EXPECT_NE(check_data(folder + "/not/yet").state, State::kWrong);
  std::filesystem::remove_all(folder);
}

TEST(Doctor, AnAddressInUseIsSeen) {
  boost::asio::io_context context;
  boost::asio::ip::tcp::acceptor taken(context, {boost::asio::ip::make_address("127.0.0.1"), 0});
  const std::uint16_t port = taken.local_endpoint().port();
  EXPECT_EQ(check_address({"127.0.0.1", port}).state, State::kMissing);
  EXPECT_EQ(check_address({"127.0.0.1", 0}).state, State::kOk);
}

constexpr Command kCommands[] = {
    {"get", "", "", "  -o, --output FORM", nullptr},
    {"keys list", "", "", "  --data-folder X -- and --api, --api", nullptr},
};

TEST(Completion, IsMadeOfVerbsAndTheirHelp) {
  const std::string script = bash_completion(kCommands);
  EXPECT_THAT(script, HasSubstr("words='get keys'"));
  EXPECT_THAT(script, HasSubstr("'get') words='--help --output' ;;"));
  EXPECT_THAT(script, HasSubstr("'keys list') words='--api --data-folder --help' ;;"));
  EXPECT_THAT(script, HasSubstr("'get') words='models "));
  std::ostringstream out, err;
  EXPECT_EQ(completion(kCommands, {"fish"}, {out, err}), kBadUsage);
}

}  // namespace
}  // namespace tenon::cli
