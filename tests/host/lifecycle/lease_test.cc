// Which devices replicas get, and what happens when one fails.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/host/lifecycle/house.h"

namespace tenon::lifecycle::testing {
namespace {

using devices::Gpu;
using devices::Gpus;
using devices::Health;
using devices::LinkLevel;
using ::testing::HasSubstr;
using Type = LifeEvent::Type;

Gpu gpu(const std::string& uuid, const std::string& flavor, std::uint64_t bytes) {
  Gpu out;
  out.uuid = uuid;
  out.flavor = {FlavorType::kGpu, flavor};
  out.memory_bytes = bytes;
  out.files = {"/dev/" + uuid};
  return out;
}

Gpus machine(std::vector<Gpu> gpus) {
  Gpus out;
  out.driver = "550";
  out.devices = std::move(gpus);
  return out;
}

Gpus failing(Gpus gpus, std::size_t which, Health health) {
  gpus.devices[which].health = health;
  gpus.devices[which].reason = "Xid 79";
  return gpus;
}

Wanted on(const std::string& model, std::vector<std::string> flavors, unsigned devices = 1) {
  Wanted wanted = House::wanted(model);
  House::change(wanted, [&](DeploymentSpec& spec) {
    spec.flavors = std::move(flavors);
    spec.devices_per_replica = static_cast<std::uint16_t>(devices);
  });
  return wanted;
}

void expect(House& house, const std::string& model, unsigned status) {
  const Outcome outcome = house.send(model)->wait();
  EXPECT_EQ(outcome.status, status) << model << ": " << outcome.message;
}

std::vector<std::string> held(House& house, const std::string& model) {
  std::vector<std::string> out;
  for (const auto& device : house.launcher.only(model)->spec.lease.devices) {
    out.push_back(device.uuid);
  }
  return out;
}

TEST(Leases, HoldADeviceOfTheFirstFlavorThatIsThere) {
  House house;
  house.gpus(machine({gpu("a", "t4", 16), gpu("b", "l4", 24)}));
  house.launcher.behave("m", {.estimate = {.device_bytes = 10, .threads = 1}});
  house.apply({on("m", {"gpu/h100", "gpu/l4", "gpu/t4"})});
  expect(house, "m", 200);
  const workers::Lease lease = house.launcher.only("m")->spec.lease;
  EXPECT_EQ(lease.flavor, "gpu/l4");
  EXPECT_EQ(lease.threads, 1U);
  ASSERT_EQ(lease.devices.size(), 1U);
  EXPECT_EQ(lease.devices[0].uuid, "b");
  EXPECT_EQ(lease.devices[0].memory_bytes, 10U);
  EXPECT_EQ(lease.devices[0].files, std::vector<std::string>{"/dev/b"});
  EXPECT_EQ(*house.status("m").placement,
            "starts on gpu/l4: b (10 bytes), cpu; gpu/h100: there is no such device here");
}

TEST(Leases, AreReturnedWhenTheProcessIsGone) {
  House house;
  house.gpus(machine({gpu("a", "t4", 16)}));
  house.launcher.behave("m", {.estimate = {.device_bytes = 10}});
  house.apply({on("m", {"gpu/t4"})});
  expect(house, "m", 200);
  EXPECT_TRUE(house.devices_held);
  ASSERT_EQ(house.deployments->ledger().leases().size(), 1U);
  EXPECT_EQ(house.deployments->ledger().leases()[0].device_bytes(), 10U);
  house.apply({});
  EXPECT_TRUE(eventually([&] { return house.deployments->ledger().leases().empty(); }));
  EXPECT_TRUE(eventually([&] { return !house.devices_held; }));
}

TEST(Leases, ShareADeviceWhileTheyFitAndMakeRoomWhenIdle) {
  House house;
  house.gpus(machine({gpu("a", "t4", 16)}));
  for (const char* model : {"m", "n", "o"}) {
    house.launcher.behave(model, {.estimate = {.device_bytes = 8}});
  }
  house.apply({on("m", {"gpu/t4"}), on("n", {"gpu/t4"}), on("o", {"gpu/t4"})});
  expect(house, "m", 200);
  house.clock.advance(milliseconds(10));
  expect(house, "n", 200);
  EXPECT_EQ(house.launcher.running("m").size(), 1U);
  house.clock.advance(milliseconds(10));
  expect(house, "o", 200);
  EXPECT_TRUE(house.launcher.running("m").empty()) << "the longest idle one";
  EXPECT_EQ(house.launcher.running("n").size(), 1U);
  EXPECT_EQ(house.diary.events(Type::kEvicted).size(), 1U);
}

TEST(Leases, CountWhatWasMeasured) {
  House house;
  house.gpus(machine({gpu("a", "t4", 16)}));
  house.launcher.behave("m", {.device_memory = 5, .estimate = {.device_bytes = 12}});
  house.launcher.behave("n", {.estimate = {.device_bytes = 11}});
  house.apply({on("m", {"gpu/t4"}), on("n", {"gpu/t4"})});
  expect(house, "m", 200);
  expect(house, "n", 200);
  EXPECT_EQ(house.launcher.running("m").size(), 1U) << "5 and 11 fit beside each other";
}

TEST(Leases, OfUnknownSizeTakeDevicesWholeAndTheOperatorMaySay) {
  House house;
  house.gpus(machine({gpu("a", "t4", 16)}));
  Wanted said = on("said", {"gpu/t4"});
  House::change(said, [](DeploymentSpec& spec) { spec.limits.device_memory = 4; });
  Wanted also = on("also", {"gpu/t4"});
  House::change(also, [](DeploymentSpec& spec) { spec.limits.device_memory = 12; });
  house.apply({on("m", {"gpu/t4"}), said, also});
  expect(house, "m", 200);
  EXPECT_EQ(house.launcher.only("m")->spec.lease.devices[0].memory_bytes, 16U);
  expect(house, "said", 200);
  EXPECT_TRUE(house.launcher.running("m").empty());
  expect(house, "also", 200);
  EXPECT_EQ(house.launcher.running("said").size(), 1U);
}

TEST(Leases, OfSeveralDevicesTakeThoseThatHangTogether) {
  House house;
  Gpus four = machine(
      {gpu("a", "h100", 80), gpu("b", "h100", 80), gpu("c", "h100", 80), gpu("d", "h100", 80)});
  for (const auto& [a, b] : {std::pair("a", "d"), std::pair("b", "c")}) {
    four.links.push_back({a, b, LinkLevel::kNvlink});
  }
  four.links.push_back({"a", "b", LinkLevel::kPciSwitch});
  house.gpus(four);
  const workers::Estimate estimate{.device_bytes = 60};
  house.launcher.behave("m", {.estimate = estimate});
  house.launcher.behave("n", {.estimate = estimate});
  house.launcher.behave("five", {.estimate = estimate});
  house.apply({on("m", {"gpu/h100"}, 2), on("n", {"gpu/h100"}, 2), on("five", {"gpu/h100"}, 5)});
  expect(house, "m", 200);
  EXPECT_EQ(held(house, "m"), (std::vector<std::string>{"a", "d"}));
  expect(house, "n", 200);
  EXPECT_EQ(held(house, "n"), (std::vector<std::string>{"b", "c"}));
  const Outcome five = house.send("five")->wait();
  EXPECT_EQ(five.status, 502U);
  EXPECT_THAT(five.message, HasSubstr("gpu/h100: a node has 4 of them at most, 5 are needed"));
}

TEST(Leases, OnADeviceThatFailsAreDrainedAndPlacedElsewhere) {
  House house;
  const Gpus both = machine({gpu("a", "t4", 16), gpu("b", "t4", 16)});
  house.gpus(both);
  house.launcher.behave("m", {.answers = false, .estimate = {.device_bytes = 10}});
  house.apply({on("m", {"gpu/t4"})});
  const auto inside = house.send("m", "inside");
  const auto first = house.launcher.only("m");
  EXPECT_EQ(held(house, "m"), std::vector<std::string>{"a"});
  EXPECT_TRUE(eventually([&] { return first->inside() == 1; }));
  house.gpus(failing(both, 0, Health::kFailing));
  EXPECT_TRUE(first->stopped());
  ASSERT_EQ(house.diary.events(Type::kDevice).size(), 1U);
  EXPECT_EQ(house.diary.events(Type::kDevice)[0].message, "a replica ends: a is failing: Xid 79");
  const auto next = house.send("m", "next");
  EXPECT_TRUE(eventually([&] { return house.launcher.running("m").size() == 2; }));
  EXPECT_EQ(house.launcher.running("m")[1]->spec.lease.devices[0].uuid, "b");
  first->answer_all();
  EXPECT_EQ(inside->wait().body, "m:inside");
  const auto second = house.launcher.only("m");
  EXPECT_TRUE(eventually([&] { return second->inside() == 1; }));
  second->answer_all();
  EXPECT_EQ(next->wait().body, "m:next");
}

TEST(Leases, WithoutAHealthyDeviceAreRefusedUntilItComesBack) {
  House house;
  const Gpus one = machine({gpu("a", "t4", 16)});
  house.gpus(failing(one, 0, Health::kLost));
  house.launcher.behave("m", {.estimate = {.device_bytes = 10}});
  house.apply({on("m", {"gpu/t4"})});
  const Outcome refused = house.send("m")->wait();
  EXPECT_EQ(refused.status, 503U);
  EXPECT_EQ(refused.reason, "WORKLOAD_UNAVAILABLE");
  EXPECT_NE(refused.retry_after, 0U);
  EXPECT_THAT(refused.message, HasSubstr("gpu/t4: a device is lost or failing"));
  expect(house, "m", 503);
  house.gpus(one);
  expect(house, "m", 200);
}

TEST(Leases, WaitForADriverThatHangsAndNobodyElseDoes) {
  House house;
  house.launcher.behave("m", {.estimate = {.device_bytes = 10}});
  house.apply({on("m", {"gpu/t4"}), House::wanted("cpu")});
  const auto waiting = house.send("m");
  expect(house, "cpu", 200);
  house.gpus(devices::unanswered({}, "the driver does not answer"));
  house.settle();
  expect(house, "cpu", 200);
  EXPECT_FALSE(waiting->over());
  EXPECT_EQ(*house.status("m").placement,
            "waits until the GPUs are known: the driver does not answer");
  house.gpus(machine({gpu("a", "t4", 16)}));
  EXPECT_EQ(waiting->wait().status, 200U);
}

TEST(Leases, OutliveADriverThatHangsForAWhile) {
  House house;
  const Gpus one = machine({gpu("a", "t4", 16)});
  house.gpus(one);
  house.apply({on("m", {"gpu/t4"})});
  expect(house, "m", 200);
  house.gpus(devices::unanswered(one, "the driver does not answer"));
  house.settle();
  expect(house, "m", 200);
  EXPECT_EQ(house.launcher.launches("m"), 1U);
}

TEST(Leases, OfGpusOnAMachineWithoutAreRefusedWithTheReason) {
  House house;
  house.gpus({});
  house.apply({on("m", {"gpu/t4"})});
  const Outcome refused = house.send("m")->wait();
  EXPECT_EQ(refused.status, 403U);
  EXPECT_THAT(refused.message, HasSubstr("gpu/t4: there is no such device here"));
  EXPECT_EQ(*house.status("m").placement, "cannot run here; gpu/t4: there is no such device here");
  EXPECT_EQ(house.status("m").phase, Phase::kFailed);
}

TEST(Leases, OfGpusAreMeteredByTheirMemory) {
  House house;
  house.gpus(machine({gpu("a", "h100", 80), gpu("b", "h100", 80)}));
  house.launcher.behave("m", {.memory = 7, .estimate = {.device_bytes = 30}});
  house.apply({on("m", {"gpu/h100"}, 2)});
  expect(house, "m", 200);
  house.clock.advance(milliseconds(2'000));
  const auto used = house.meter.take();
  ASSERT_EQ(used.size(), 1U);
  EXPECT_EQ(to_string(used[0].flavor), "gpu/h100");
  EXPECT_EQ(used[0].used.device_byte_seconds, 120U) << "two devices, 30 bytes, two seconds";
}

TEST(Leases, BindThreadsToCpusOfTheDevicesNode) {
  devices::Cpus cpus;
  cpus.flavor = {FlavorType::kCpu, "x86"};
  cpus.usable = 8;
  for (unsigned i = 0; i < 8; ++i) cpus.cpus.push_back({i, i, i / 4});
  Ledger ledger(cpus, {10, 0});
  Gpus gpus = machine({gpu("a", "t4", 16)});
  gpus.devices[0].node = 1;
  ledger.set_gpus(gpus);
  const auto lease = [&](std::uint64_t id, std::vector<Flavor> flavors, unsigned threads) {
    const scheduler::Decision d = scheduler::decide(
        ledger.inventory(), {.id = id, .flavors = std::move(flavors), .device_bytes = 1});
    workers::Lease out = ledger.lease(d, threads);
    ledger.book({.replica = id, .deployment = {}, .lease = out, .since = {}});
    return out.cpus;
  };
  EXPECT_EQ(lease(1, {{FlavorType::kGpu, "t4"}}, 2), (CpuList{4, 5}));
  EXPECT_EQ(lease(2, {{FlavorType::kGpu, "t4"}}, 2), (CpuList{6, 7}));
  EXPECT_EQ(lease(3, {}, 2), (CpuList{0, 1}));
  EXPECT_EQ(lease(4, {{FlavorType::kGpu, "t4"}}, 2), (CpuList{4, 5, 6, 7})) << "shared by now";
  ledger.give_back(1);
  ledger.give_back(4);
  EXPECT_EQ(lease(5, {{FlavorType::kGpu, "t4"}}, 2), (CpuList{4, 5}));
}

}  // namespace
}  // namespace tenon::lifecycle::testing
