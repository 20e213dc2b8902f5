// /v0/nodes, /v0/devices and /v0/leases, as a client sees them.

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include "tests/host/gateway/keys_fixture.h"

namespace tenon::testing {
namespace {

namespace json = boost::json;

class MachineApiTest : public ServedKeys {
 protected:
  MachineApiTest() {
    ledger_.set_limits({16, 64'000'000'000});
    devices::Gpus gpus;
    gpus.driver = "550.54.15";
    for (const char* uuid : {"GPU-b", "GPU-a"}) {
      devices::Gpu& gpu = gpus.devices.emplace_back();
      gpu.uuid = uuid;
      gpu.name = "Tesla T4";
      gpu.flavor = {FlavorType::kGpu, "t4"};
      gpu.memory_bytes = 16'000'000'000;
      gpu.node = 1;
    }
    gpus.devices[0].health = devices::Health::kFailing;
    gpus.devices[0].reason = "Xid 79";
    ledger_.set_gpus(gpus);
    for (const std::uint64_t replica : {9, 10, 11}) {
      lifecycle::HeldLease held{.replica = replica,
                                .deployment = {"default", "m", "production"},
                                .revision = 3,
                                .lease = {},
                                .predicted_bytes = 1'000,
                                .since = {}};
      held.lease.flavor = "gpu/t4";
      held.lease.threads = 4;
      held.lease.cpus = {2, 3};
      held.lease.devices = {{"GPU-a", "gpu/t4", 2'000'000'000, {}}};
      if (replica == 11) held.deployment.workspace = "other";
      ledger_.book(std::move(held));
    }
  }

  json::object ask(const std::string& path, const std::string& header = "") {
    const auto answer = client_->ask(get(path, header));
    EXPECT_EQ(answer->status, 200u) << answer->body;
    return json::parse(answer->body).as_object();
  }
};

TEST_F(MachineApiTest, DevicesTellHowMuchOfThemIsHeld) {
  const json::object answer = ask("/v0/devices");
  const json::array& items = answer.at("items").as_array();
  ASSERT_EQ(items.size(), 3u);
  EXPECT_EQ(items[0].at("name"), "cpu");
  EXPECT_EQ(items[0].at("memoryBytes"), 64'000'000'000);
  EXPECT_EQ(items[0].at("heldBytes"), 3'000);
  EXPECT_EQ(items[1].at("name"), "GPU-a");
  EXPECT_EQ(items[1].at("node"), "node-1");
  EXPECT_EQ(items[1].at("flavor"), "gpu/t4");
  EXPECT_EQ(items[1].at("heldBytes"), 6'000'000'000) << "of all workspaces";
  EXPECT_EQ(items[1].at("replicas"), 3);
  EXPECT_EQ(items[1].at("numaNode"), 1);
  EXPECT_EQ(items[2].at("health"), "failing");
  EXPECT_EQ(items[2].at("reason"), "Xid 79");
  EXPECT_TRUE(answer.at("next").is_null());
}

TEST_F(MachineApiTest, LeasesAreThoseOfAWorkspaceInTheirOrder) {
  const json::object answer = ask("/v0/leases");
  const json::array& items = answer.at("items").as_array();
  ASSERT_EQ(items.size(), 2u);
  EXPECT_EQ(items[0].at("name"), "9");
  EXPECT_EQ(items[1].at("name"), "10");
  EXPECT_EQ(items[0].at("model"), "m");
  EXPECT_EQ(items[0].at("revision"), 3);
  EXPECT_EQ(items[0].at("cpus"), "2-3");
  EXPECT_EQ(items[0].at("ready"), false);
  EXPECT_EQ(items[0].at("devices").at(0).at("heldBytes"), 2'000'000'000);
  EXPECT_EQ(ask("/v0/leases", "X-Tenon-Workspace: other\r\n").at("items").as_array().size(), 1u);
}

TEST_F(MachineApiTest, ListsComeInPages) {
  const json::object first = ask("/v0/devices?limit=2");
  EXPECT_EQ(first.at("items").as_array().size(), 2u);
  EXPECT_EQ(first.at("next"), "GPU-a");
  const json::object rest = ask("/v0/devices?limit=2&after=GPU-a");
  ASSERT_EQ(rest.at("items").as_array().size(), 1u);
  EXPECT_EQ(rest.at("items").at(0).at("name"), "GPU-b");
  EXPECT_TRUE(rest.at("next").is_null());
}

TEST_F(MachineApiTest, ANodeSaysWhatItHas) {
  const json::object answer = ask("/v0/nodes");
  const json::value& node = answer.at("items").at(0);
  EXPECT_EQ(node.at("name"), "node-1");
  EXPECT_EQ(node.at("devices"), 2);
  EXPECT_EQ(node.at("driver"), "550.54.15");
  EXPECT_EQ(node.at("maxReplicas"), 16);
  EXPECT_EQ(node.at("replicas"), 3);
}

}  // namespace
}  // namespace tenon::testing
