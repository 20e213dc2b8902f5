#include "host/devices/gpus.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/host/devices/played_machine.h"

namespace tenon::devices {
namespace {

using testing::ElementsAre;

ReportedGpu h100(const std::string& uuid, unsigned minor) {
  return {uuid, "NVIDIA H100 80GB HBM3", "00000000:1B:00.0", minor, 9,
          0,    85'520'809'984,          85'000'000'000,     false, Health::kOk,
          ""};
}

TEST(Gpus, KnowsFlavorNodeAndFiles) {
  const PlayedMachine machine;
  machine.write("/sys/bus/pci/devices/0000:1b:00.0/numa_node", "1\n");
  Report report;
  report.gpus = {h100("GPU-a", 3)};
  const Gpus gpus = next_gpus({}, report, {}, machine.root());
  ASSERT_EQ(gpus.devices.size(), 1u);
  EXPECT_EQ(to_string(gpus.devices[0].flavor), "gpu/h100");
  EXPECT_EQ(gpus.devices[0].node, 1u);
  EXPECT_THAT(gpus.devices[0].files, ElementsAre("/dev/nvidia3"));
}

TEST(Gpus, AMachineWithOneNodeSaysNone) {
  const PlayedMachine machine;
  machine.write("/sys/bus/pci/devices/0000:1b:00.0/numa_node", "-1\n");
  Report report;
  report.gpus = {h100("GPU-a", 0)};
  EXPECT_FALSE(next_gpus({}, report, {}, machine.root()).devices[0].node);
}

TEST(Gpus, SlicesStandForTheirBoard) {
  const PlayedMachine machine;
  const std::string mig = "/proc/driver/nvidia/capabilities/gpu2/mig/gi7";
  machine.write(mig + "/access", "DeviceFileMinor: 66\nDeviceFileMode: 292\n");
  machine.write(mig + "/ci0/access", "DeviceFileMinor: 67\nDeviceFileMode: 292\n");
  Report report;
  report.gpus = {h100("GPU-a", 2), h100("GPU-b", 4)};
  report.gpus[0].mig = true;
  report.slices = {{"GPU-a", "MIG-1", "NVIDIA H100 80GB HBM3 MIG 1g.10gb", 7, 0, 10, 9}};
  const Gpus gpus = next_gpus({}, report, {}, machine.root());
  ASSERT_EQ(gpus.devices.size(), 2u);
  const Gpu& slice = gpus.devices[0];
  EXPECT_EQ(slice.uuid, "MIG-1");
  EXPECT_EQ(slice.parent, "GPU-a");
  EXPECT_EQ(slice.memory_bytes, 10u);
  EXPECT_EQ(to_string(slice.flavor), "gpu/h100-1g.10gb");
  EXPECT_THAT(slice.files, ElementsAre("/dev/nvidia2", "/dev/nvidia-caps/nvidia-cap66",
                                       "/dev/nvidia-caps/nvidia-cap67"));
}

TEST(Gpus, ADeviceThatIsNotNamedAnyMoreIsLostUntilItIs) {
  Report both, one;
  both.gpus = {h100("GPU-a", 0), h100("GPU-b", 1)};
  one.gpus = {h100("GPU-a", 0)};
  const Gpus before = next_gpus({}, both, {}, "/nowhere");
  const Gpus after = next_gpus(before, one, {}, "/nowhere");
  ASSERT_EQ(after.devices.size(), 2u);
  EXPECT_EQ(after.devices[0].health, Health::kOk);
  EXPECT_EQ(after.devices[1].uuid, "GPU-b");
  EXPECT_EQ(after.devices[1].health, Health::kLost);
  EXPECT_EQ(next_gpus(after, both, {}, "/nowhere"), before);
}

TEST(Gpus, SlicesThatWereTakenAwayAreNotLost) {
  Report cut, uncut;
  cut.gpus = uncut.gpus = {h100("GPU-a", 0)};
  cut.gpus[0].mig = true;
  cut.slices = {{"GPU-a", "MIG-1", "NVIDIA H100 80GB HBM3 MIG 1g.10gb", 7, 0, 10, 9}};
  const Gpus after = next_gpus(next_gpus({}, cut, {}, "/nowhere"), uncut, {}, "/nowhere");
  ASSERT_EQ(after.devices.size(), 1u);
  EXPECT_EQ(after.devices[0].uuid, "GPU-a");
}

TEST(Gpus, MemoryThatIsNotToldIsNoHealthyDevice) {
  Report report;
  report.gpus = {h100("GPU-a", 0)};
  report.gpus[0].memory_bytes = 0;
  EXPECT_EQ(next_gpus({}, report, {}, "/nowhere").devices[0].health, Health::kFailing);
}

TEST(Gpus, LinksAreFoundInBothDirectionsAndForSlices) {
  Gpus gpus;
  gpus.devices.resize(4);
  gpus.devices[0].uuid = "GPU-a";
  gpus.devices[1].uuid = "GPU-b";
  gpus.devices[2].uuid = "MIG-1";
  gpus.devices[2].parent = "GPU-b";
  gpus.devices[3].uuid = "GPU-c";
  gpus.links = {{"GPU-a", "GPU-b", LinkLevel::kNvlink}};
  const auto& d = gpus.devices;
  EXPECT_EQ(link_between(gpus, d[0], d[1]), LinkLevel::kNvlink);
  EXPECT_EQ(link_between(gpus, d[2], d[0]), LinkLevel::kNvlink);
  EXPECT_EQ(link_between(gpus, d[1], d[2]), LinkLevel::kBoard);
  EXPECT_EQ(link_between(gpus, d[0], d[3]), LinkLevel::kSystem) << "not known: the farthest";
}

}  // namespace
}  // namespace tenon::devices
