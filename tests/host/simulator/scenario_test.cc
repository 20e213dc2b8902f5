#include "host/simulator/scenario.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tenon::simulator {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const std::string kNode =
    "[[node]]\ncount = 2\nthreads = 32\nmemory = \"256GB\"\nreplicas = 50\ndevices = 2\n"
    "flavor = \"gpu/l4\"\ndeviceMemory = \"24GB\"\nnvlink = true\n";

std::string deployment(const std::string& model, const std::string& rest = "") {
  return "[[deployment]]\nmodel = \"" + model + "\"\nruntime = \"x\"\norigin = \"file:m\"\n" + rest;
}

Scenario read(const std::vector<std::string>& texts) {
  std::vector<SourceFile> files;
  for (const std::string& text : texts) files.push_back({"f.toml", text});
  const auto scenario = read_scenario(files);
  EXPECT_TRUE(scenario) << scenario.error().message;
  return scenario.value_or(Scenario{});
}

std::string refused(const std::string& text) {
  const std::vector<SourceFile> files{{"f.toml", text}};
  const auto scenario = read_scenario(files);
  EXPECT_FALSE(scenario) << text;
  return scenario ? "" : scenario.error().message;
}

TEST(Scenario, HasNodesWithTheirDevices) {
  const Scenario s = read({kNode + "[[node]]\n" + deployment("a")});
  ASSERT_EQ(s.devices.size(), 7u);
  EXPECT_EQ(to_string(s.devices[0].flavor), "cpu/x86");
  EXPECT_EQ(s.devices[0].bytes, 256'000'000'000u);
  EXPECT_EQ(s.devices[0].replicas, 50u);
  EXPECT_EQ(s.devices[0].threads, 32u);
  EXPECT_EQ(to_string(s.devices[5].flavor), "gpu/l4");
  EXPECT_EQ(s.devices[5].bytes, 24'000'000'000u);
  EXPECT_EQ(s.devices[5].node, 1u);
  ASSERT_EQ(s.devices[5].links.size(), 1u);
  EXPECT_EQ(s.devices[5].links[0].peer, 4u);
  EXPECT_EQ(s.devices[6].node, 2u);
  EXPECT_EQ(s.devices[6].bytes, 0u);
}

TEST(Scenario, TellsWhatNoPluginIsAsked) {
  const Scenario s =
      read({kNode,
            "[[workload]]\ndeployments = \"chat-*\"\nloadTime = \"12s\"\nrequestTime = \"2s\"\n"
            "tokensPerSecond = 40\natOnce = 3\nmemory = \"2GB\"\ndeviceMemory = \"14GB\"\n"
            "[[workload]]\nloadTime = \"1s\"\n",
            deployment("chat-a", "flavors = [\"gpu/l4\"]\ndevicesPerReplica = 2\n") +
                deployment("b",
                           "[deployment.scale]\ntarget = 5\n[deployment.limits]\nmemory = \"3GB\"\n"
                           "deviceMemory = \"4GB\"\n") +
                deployment("off", "enabled = false\n")});
  ASSERT_EQ(s.subjects.size(), 2u);
  EXPECT_EQ(s.subjects[0].key.model, "b");
  EXPECT_EQ(s.subjects[0].workload.load, milliseconds(1'000));
  EXPECT_EQ(s.subjects[0].workload.at_once, 5u);
  EXPECT_EQ(s.subjects[0].workload.memory, 3'000'000'000u);
  EXPECT_EQ(s.subjects[0].workload.device_memory, 4'000'000'000u);
  EXPECT_THAT(s.subjects[0].flavors, ElementsAre(Flavor{FlavorType::kCpu, "x86"}));
  EXPECT_EQ(s.subjects[1].workload.load, milliseconds(12'000));
  EXPECT_EQ(s.subjects[1].workload.tokens_per_second, 40u);
  EXPECT_EQ(s.subjects[1].workload.at_once, 3u);
  EXPECT_EQ(s.subjects[1].devices, 2u);
}

TEST(Scenario, KeepsToPolicies) {
  const Scenario s =
      read({kNode +
            "[host]\nlocation = \"paris\"\n"
            "[[location]]\nname = \"paris\"\ncountry = \"fr\"\ncontinent = \"eu\"\n"
            "[[policy]]\nname = \"l4-only\"\ntype = \"flavor\"\nflavors = [\"gpu/l4\"]\n"
            "[[policy]]\nname = \"us\"\ntype = \"location\"\nlocations = [\"country/us\"]\n"
            "[[environment]]\nname = \"staging\"\npolicies = [\"l4-only\"]\n" +
            deployment("a", "environment = \"staging\"\nflavors = [\"gpu/t4\", \"gpu/l4\"]\n") +
            deployment("b", "policies = [\"us\"]\n")});
  ASSERT_EQ(s.subjects.size(), 2u);
  EXPECT_THAT(s.subjects[0].flavors, ElementsAre(Flavor{FlavorType::kGpu, "l4"}));
  EXPECT_FALSE(s.subjects[0].forbidden);
  EXPECT_THAT(s.subjects[1].forbidden.value_or(""), HasSubstr("us"));
}

TEST(Scenario, ThatIsWrongIsRefusedWithEachPlace) {
  EXPECT_THAT(refused(deployment("a")), HasSubstr("expected a [[node]] table"));
  EXPECT_THAT(refused("[[node]]\n"), HasSubstr("expected a [[deployment]] table"));
  EXPECT_THAT(refused("[[node]]\ndevices = 1\n"),
              HasSubstr("f.toml:2:11: 'devices' need a 'flavor'"));
  EXPECT_THAT(refused("[[node]]\nflavor = \"cpu/x86\"\n"), HasSubstr("is no GPU flavor"));
  EXPECT_THAT(refused("[[node]]\ncpu = \"gpu/l4\"\n"), HasSubstr("is no CPU flavor"));
  EXPECT_THAT(refused("[[node]]\ncount = 0\nsize = 1\n"),
              testing::AllOf(HasSubstr("f.toml:2:9"), HasSubstr("unknown key 'size'")));
  EXPECT_THAT(refused("[[node]]\ncount = 100000\ndevices = 64\nflavor = \"gpu/l4\"\n"
                      "deviceMemory = \"1GB\"\n"),
              HasSubstr("more than 1000000 devices"));
  const std::vector<SourceFile> twice{{"a.toml", kNode + deployment("a")},
                                      {"b.toml", deployment("a")}};
  EXPECT_THAT(read_scenario(twice).error().message, HasSubstr("is in another file already"));
}

}  // namespace
}  // namespace tenon::simulator
