#include "host/domain/flavor_rule.h"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

#include "host/domain/code_name.h"

namespace tenon {
namespace {

constexpr std::uint64_t kGiB = 1ULL << 30;

std::string code(std::string_view name, std::uint64_t bytes = 0) {
  return to_string(flavor_of(name, bytes, {}));
}

TEST(FlavorRule, KnowsDevicesByTheNameOfTheDriver) {
  const std::vector<std::pair<const char*, const char*>> expected = {
      {"Tesla T4", "gpu/t4"},
      {"NVIDIA L4", "gpu/l4"},
      {"NVIDIA L40", "gpu/l40"},
      {"NVIDIA L40S", "gpu/l40s"},
      {"NVIDIA A10G", "gpu/a10g"},
      {"NVIDIA A10", "gpu/a10"},
      {"NVIDIA A100-SXM4-40GB", "gpu/a100-40gb"},
      {"NVIDIA A100-SXM4-80GB", "gpu/a100-80gb"},
      {"NVIDIA A100 80GB PCIe", "gpu/a100-80gb"},
      {"Tesla V100-SXM2-16GB", "gpu/v100-16gb"},
      {"NVIDIA H100 80GB HBM3", "gpu/h100"},
      {"NVIDIA H100 PCIe", "gpu/h100"},
      {"NVIDIA H100 NVL", "gpu/h100-nvl"},
      {"NVIDIA H200", "gpu/h200"},
      {"NVIDIA B200", "gpu/b200"},
      {"NVIDIA GH200 480GB", "gpu/gh200"},
      {"NVIDIA GeForce RTX 4090", "gpu/rtx-4090"},
      {"NVIDIA RTX A6000", "gpu/rtx-a6000"},
      {"NVIDIA RTX 6000 Ada Generation", "gpu/rtx-6000-ada"},
      {"NVIDIA GeForce GTX 1080 Ti", "gpu/gtx-1080-ti"},
      {"NVIDIA H100 80GB HBM3 MIG 1g.10gb", "gpu/h100-1g.10gb"},
      {"NVIDIA H100 80GB HBM3 MIG 1g.10gb+me", "gpu/h100-1g.10gb.me"},
      {"NVIDIA A100-SXM4-40GB MIG 3g.20gb", "gpu/a100-40gb-3g.20gb"},
  };
  for (const auto& [name, flavor] : expected) EXPECT_EQ(code(name), flavor) << name;
}

TEST(FlavorRule, TellsSizesApartByMemoryWhereTheNameIsSilent) {
  EXPECT_EQ(code("NVIDIA A100", 40 * kGiB), "gpu/a100-40gb");
  EXPECT_EQ(code("NVIDIA A100", 80 * kGiB), "gpu/a100-80gb");
  EXPECT_EQ(code("NVIDIA V100", 32 * kGiB), "gpu/v100-32gb");
}

TEST(FlavorRule, AnyNameGivesAValidCode) {
  for (const char* name : {"", "   ", "---", "NVIDIA", "Graphics Device", "Ünknown (TM) 3", "a/b",
                           "x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x"}) {
    const Flavor flavor = flavor_of(name, 0, {});
    EXPECT_TRUE(is_valid_code(flavor.name)) << name << ": " << flavor.name;
  }
}

TEST(FlavorRule, TheOperatorsFirstMatchWins) {
  const std::vector<FlavorRule> rules = {
      {"nvidia h100*mig*", 0, ~0ULL, {FlavorType::kGpu, "slice"}},
      {"NVIDIA H100*", 70'000'000'000, 90'000'000'000, {FlavorType::kGpu, "big"}},
      {"*L?", 0, ~0ULL, {FlavorType::kGpu, "small"}},
  };
  const auto named = [&](std::string_view name, std::uint64_t bytes) {
    return flavor_of(name, bytes, rules).name;
  };
  EXPECT_EQ(named("NVIDIA H100 80GB HBM3", 85'520'809'984), "big");
  EXPECT_EQ(named("NVIDIA H100 NVL", 100'000'000'000), "h100-nvl");
  EXPECT_EQ(named("NVIDIA H100 80GB HBM3 MIG 1g.10gb", 10 * kGiB), "slice");
  EXPECT_EQ(named("NVIDIA L4", 24 * kGiB), "small");
  EXPECT_EQ(named("NVIDIA L40", 48 * kGiB), "l40");
}

TEST(FlavorRule, CpusAreNamedByArchitecture) {
  EXPECT_EQ(to_string(cpu_flavor("x86_64")), "cpu/x86");
  EXPECT_EQ(to_string(cpu_flavor("aarch64")), "cpu/arm64");
}

}  // namespace
}  // namespace tenon
