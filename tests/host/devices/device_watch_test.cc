// The host's side against machines that a driver's library of our own plays.
#include "host/devices/device_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <optional>

#include "tests/host/devices/played_machine.h"

namespace tenon::devices {
namespace {

using testing::HasSubstr;
using Clock = std::chrono::steady_clock;

std::string gpu(unsigned number, const std::string& name, const std::string& rest) {
  return "gpu|GPU-" + std::to_string(number) + "|" + name +
         "|00000000:" + std::to_string(10 + number) + ":00.0|" + std::to_string(number) + "|" +
         rest + "\n";
}

const std::string kH100 = "90|85520809984|84000000000|0";

class DeviceWatchTest : public testing::Test {
 protected:
  DeviceWatchTest() {
    const char* dir = std::getenv("TENON_BUILD_DIR");
    const std::string build = dir == nullptr ? "." : dir;
    options_.helper = build + "/bin/tenon-devices";
    options_.environment = {"LD_LIBRARY_PATH=" + build + "/tests/fake-nvml",
                            "TENON_FAKE_NVML=" + machine_.root() + "/nvml"};
    options_.root = machine_.root();
    options_.first_retry = milliseconds(20);
  }
  ~DeviceWatchTest() override {
    if (watch_) watch_->stop();
    context_.restart();
    context_.run_for(std::chrono::milliseconds(20));
  }

  void play(const std::string& text) const { machine_.write("/nvml", text); }

  // Asks and waits for what is told.
  Gpus next() {
    if (!watch_) {
      watch_ = std::make_shared<DeviceWatch>(context_, options_,
                                             [this](const Gpus& gpus) { told_ = gpus; });
    }
    watch_->refresh();
    return await();
  }
  // Waits without asking.
  Gpus await() {
    told_.reset();
    context_.restart();
    for (const auto end = Clock::now() + std::chrono::seconds(30);
         !told_ && Clock::now() < end && !context_.stopped();) {
      context_.run_one_for(std::chrono::milliseconds(50));
    }
    EXPECT_TRUE(told_) << "nothing was told";
    return told_.value_or(Gpus{});
  }

  PlayedMachine machine_;
  boost::asio::io_context context_;
  WatchOptions options_;
  std::shared_ptr<DeviceWatch> watch_;
  std::optional<Gpus> told_;
};

TEST_F(DeviceWatchTest, SeesFourH100WithTheirLinks) {
  std::string text;
  for (unsigned i = 0; i < 4; ++i) text += gpu(i, "NVIDIA H100 80GB HBM3", kH100);
  play(text + "link|0|1|0\nlink|0|2|0\nlink|0|3|30\nlink|1|2|10\nlink|1|3|40\nlink|2|3|50\n");
  machine_.write("/sys/bus/pci/devices/0000:12:00.0/numa_node", "1\n");
  const Gpus gpus = next();
  EXPECT_EQ(gpus.driver, "550.54.15");
  ASSERT_EQ(gpus.devices.size(), 4u);
  const auto& d = gpus.devices;
  EXPECT_EQ(to_string(d[2].flavor), "gpu/h100");
  EXPECT_EQ(d[2].uuid, "GPU-2");
  EXPECT_EQ(d[2].memory_bytes, 85'520'809'984u);
  EXPECT_EQ(d[2].free_bytes, 84'000'000'000u);
  EXPECT_EQ(d[2].pci_bus, "00000000:12:00.0");
  EXPECT_EQ(d[2].compute_major, 9u);
  EXPECT_EQ(d[2].node, 1u);
  EXPECT_EQ(d[2].health, Health::kOk);
  EXPECT_EQ(link_between(gpus, d[0], d[1]), LinkLevel::kNvlink);
  EXPECT_EQ(link_between(gpus, d[3], d[0]), LinkLevel::kHostBridge);
  EXPECT_EQ(link_between(gpus, d[1], d[2]), LinkLevel::kPciSwitch);
  EXPECT_EQ(link_between(gpus, d[1], d[3]), LinkLevel::kNode);
  EXPECT_EQ(link_between(gpus, d[2], d[3]), LinkLevel::kSystem);
}

TEST_F(DeviceWatchTest, SeesDifferentCards) {
  play(gpu(0, "Tesla T4", "75|15843721216|15000000000|0") +
       gpu(1, "Tesla T4", "75|15843721216|15000000000|2") +
       gpu(2, "NVIDIA L4", "89|24152899584|24000000000|0"));
  const Gpus gpus = next();
  ASSERT_EQ(gpus.devices.size(), 3u);
  EXPECT_EQ(to_string(gpus.devices[0].flavor), "gpu/t4");
  EXPECT_EQ(to_string(gpus.devices[2].flavor), "gpu/l4");
  EXPECT_EQ(gpus.devices[1].health, Health::kFailing);
  EXPECT_THAT(gpus.devices[1].reason, HasSubstr("ECC"));
}

TEST_F(DeviceWatchTest, SeesSlicesInPlaceOfTheirBoard) {
  play(gpu(0, "NVIDIA H100 80GB HBM3", kH100) + gpu(1, "NVIDIA H100 80GB HBM3", kH100) +
       "mig|MIG-a|GPU-0|NVIDIA H100 80GB HBM3 MIG 1g.10gb|7|0|10200547328|10000000000\n"
       "mig|MIG-b|GPU-0|NVIDIA H100 80GB HBM3 MIG 3g.40gb|1|0|42144366592|42000000000\n");
  const Gpus gpus = next();
  ASSERT_EQ(gpus.devices.size(), 3u);
  EXPECT_EQ(gpus.devices[0].uuid, "MIG-a");
  EXPECT_EQ(to_string(gpus.devices[0].flavor), "gpu/h100-1g.10gb");
  EXPECT_EQ(to_string(gpus.devices[1].flavor), "gpu/h100-3g.40gb");
  EXPECT_EQ(gpus.devices[1].parent, "GPU-0");
  EXPECT_EQ(gpus.devices[2].uuid, "GPU-1");
}

TEST_F(DeviceWatchTest, ADeviceThatVanishesIsLost) {
  const std::string both = gpu(0, "NVIDIA L4", kH100) + gpu(1, "NVIDIA L4", kH100);
  play(both);
  Gpus gpus = next();
  ASSERT_EQ(gpus.devices.size(), 2u);
  EXPECT_EQ(gpus.devices[1].health, Health::kOk);
  play(both + "lost|GPU-1\n");
  gpus = next();
  ASSERT_EQ(gpus.devices.size(), 2u);
  EXPECT_EQ(gpus.devices[0].health, Health::kOk);
  EXPECT_EQ(gpus.devices[1].health, Health::kLost);
  EXPECT_THAT(gpus.devices[1].reason, HasSubstr("GPU is lost"));
  play(gpu(0, "NVIDIA L4", kH100));
  EXPECT_EQ(next().devices[1].health, Health::kLost);
}

TEST_F(DeviceWatchTest, ErrorsOfTheDeviceCountAndThoseOfAnApplicationDoNot) {
  const std::string both = gpu(0, "NVIDIA L4", kH100) + gpu(1, "NVIDIA L4", kH100);
  play(both);
  next();
  play(both + "xid|GPU-0|31\nxid|GPU-1|79\n");
  EXPECT_EQ(next().devices[0].health, Health::kOk);
  play(both);
  const Gpus gpus = next();
  EXPECT_EQ(gpus.devices[1].health, Health::kFailing);
  EXPECT_EQ(gpus.devices[1].reason, "Xid 79");
}

TEST_F(DeviceWatchTest, ALieAboutFreeMemoryIsCutAndChangesAreFollowed) {
  play(gpu(0, "NVIDIA L4", "89|24000000000|99000000000|0"));
  EXPECT_EQ(next().devices[0].free_bytes, 24'000'000'000u);
  play(gpu(0, "NVIDIA L4", "89|24000000000|7|0"));
  EXPECT_EQ(next().devices[0].free_bytes, 7u);
}

TEST_F(DeviceWatchTest, ADriverThatHangsHoldsNobodyAndItsDevicesAreUnknown) {
  const std::string one = gpu(0, "NVIDIA L4", kH100);
  play(one);
  next();
  watch_->stop();
  watch_.reset();
  options_.deadline = milliseconds(300);
  next();
  play(one + "hang|memory|10000\n");
  const auto before = Clock::now();
  watch_->refresh();
  EXPECT_LT(Clock::now() - before, milliseconds(100)) << "asking does not wait";
  const Gpus gpus = await();
  EXPECT_LT(Clock::now() - before, milliseconds(3'000));
  EXPECT_EQ(gpus.devices[0].health, Health::kUnknown);
  EXPECT_THAT(gpus.devices[0].reason, HasSubstr("does not answer within 300 ms"));
  play(one);
  EXPECT_EQ(await().devices[0].health, Health::kOk) << "asked again by itself, of a new process";
}

TEST_F(DeviceWatchTest, AHangAtTheStartIsTriedAgain) {
  options_.deadline = milliseconds(300);
  play(gpu(0, "NVIDIA L4", kH100) + "hang|init|10000\n");
  const Gpus hung = next();
  EXPECT_TRUE(hung.devices.empty());
  EXPECT_THAT(hung.note, HasSubstr("does not answer"));
  play(gpu(0, "NVIDIA L4", kH100));
  EXPECT_EQ(await().devices.size(), 1u);
}

TEST_F(DeviceWatchTest, AHelperThatDiesIsStartedAgainAfterAWait) {
  play("die|count\n");
  EXPECT_THAT(next().note, HasSubstr("ended within its answer"));
  await();
  await();
  play(gpu(0, "NVIDIA L4", kH100));
  EXPECT_EQ(await().devices.size(), 1u);
}

TEST_F(DeviceWatchTest, ADriverThatDoesNotStartIsSaidAndNotAskedAgain) {
  play("init|999\n" + gpu(0, "NVIDIA L4", kH100));
  EXPECT_THAT(next().note, HasSubstr("does not start: played error (999)"));
  context_.restart();
  context_.run_for(std::chrono::seconds(5));
  EXPECT_TRUE(context_.stopped()) << "neither process nor timer is left";
  play("init|18\n");
  EXPECT_THAT(next().note, HasSubstr("different versions"));
}

TEST_F(DeviceWatchTest, AMachineWithoutADriverHasNoDevicesAndNothingLeftToDo) {
  options_.environment.clear();
  const auto before = Clock::now();
  const Gpus gpus = next();
  EXPECT_TRUE(gpus.devices.empty());
  EXPECT_THAT(gpus.note, HasSubstr("no NVIDIA driver"));
  EXPECT_LT(Clock::now() - before, milliseconds(2'000));
  context_.restart();
  context_.run_for(std::chrono::seconds(5));
  EXPECT_TRUE(context_.stopped());
}

TEST_F(DeviceWatchTest, AMissingProgramIsSaid) {
  options_.helper = "/nowhere/tenon-devices";
  EXPECT_THAT(next().note, HasSubstr("starting /nowhere/tenon-devices"));
}

TEST_F(DeviceWatchTest, AsksOftenerWhileDevicesAreInUse) {
  options_.at_rest = milliseconds(600'000);
  options_.in_use = milliseconds(20);
  play(gpu(0, "NVIDIA L4", kH100));
  next();
  watch_->set_in_use(true);
  for (int i = 0; i < 3; ++i) await();
  EXPECT_EQ(watch_->gpus().devices.size(), 1u);
}

}  // namespace
}  // namespace tenon::devices
