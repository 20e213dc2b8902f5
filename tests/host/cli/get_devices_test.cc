#include "host/cli/get_devices.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tenon::cli {
namespace {

using testing::ElementsAre;

TEST(GetDevices, ShowsCpusAndGpus) {
  devices::Cpus cpus;
  cpus.flavor = {FlavorType::kCpu, "x86"};
  cpus.usable = 16;
  cpus.nodes = {{0, {}, 0}, {1, {}, 0}};
  cpus.memory_bytes = 64'000'000'000;
  cpus.memory_limit = 32'000'000'000;
  devices::Gpus gpus;
  gpus.devices.resize(1);
  devices::Gpu& gpu = gpus.devices[0];
  gpu.uuid = "GPU-a";
  gpu.name = "NVIDIA L4";
  gpu.flavor = {FlavorType::kGpu, "l4"};
  gpu.memory_bytes = 24'000'000'000;
  gpu.free_bytes = 1'000'000'000;
  gpu.node = 1;
  gpu.health = devices::Health::kFailing;
  gpu.reason = "Xid 79";
  const auto rows = devices_table(cpus, gpus);
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_THAT(rows[1], ElementsAre("16 CPUs", "-", "cpu/x86", "32.0 GB", "-", "0-1", "ok"));
  EXPECT_THAT(rows[2], ElementsAre("GPU-a", "NVIDIA L4", "gpu/l4", "24.0 GB", "1.0 GB", "1",
                                   "failing: Xid 79"));
}

}  // namespace
}  // namespace tenon::cli
