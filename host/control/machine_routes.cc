#include "host/control/machine_routes.h"

#include <algorithm>
#include <boost/json/array.hpp>
#include <map>

#include "host/control/api.h"
#include "host/control/page.h"
#include "host/domain/moment.h"
#include "host/lifecycle/ledger.h"

namespace tenon::control {
namespace {

namespace json = boost::json;
using lifecycle::HeldLease;

constexpr std::string_view kCpus = "cpu";  // the device that they are together

struct Held {
  std::uint64_t bytes = 0;
  unsigned replicas = 0;
};

// By device.
std::map<std::string, Held, std::less<>> held_by_device(const std::vector<HeldLease>& leases) {
  std::map<std::string, Held, std::less<>> out;
  const auto add = [&](std::string_view device, std::uint64_t bytes) {
    Held& held = out[std::string(device)];
    held.bytes += bytes;
    ++held.replicas;
  };
  for (const HeldLease& lease : leases) {
    add(kCpus, lease.host_bytes());
    for (std::size_t i = 0; i < lease.lease.devices.size(); ++i) {
      add(lease.lease.devices[i].uuid, lease.device_bytes(i));
    }
  }
  return out;
}

json::value or_null(const std::string& text) {
  return text.empty() ? json::value(nullptr) : json::value(text);
}

json::object cpu_json(const lifecycle::Ledger& ledger, const std::string& node, const Held& held) {
  const devices::Cpus& cpus = ledger.cpus();
  return {{"name", kCpus},
          {"node", node},
          {"product", or_null(cpus.model)},
          {"flavor", to_string(cpus.flavor)},
          {"memoryBytes", ledger.limits().bytes},
          {"heldBytes", held.bytes},
          {"replicas", held.replicas},
          {"health", "ok"}};
}

json::object gpu_json(const devices::Gpu& gpu, const std::string& node, const Held& held) {
  json::object out{{"name", gpu.uuid},
                   {"node", node},
                   {"product", gpu.name},
                   {"flavor", to_string(gpu.flavor)},
                   {"memoryBytes", gpu.memory_bytes},
                   {"heldBytes", held.bytes},
                   {"freeBytes", gpu.free_bytes},
                   {"replicas", held.replicas},
                   {"health", to_string(gpu.health)},
                   {"pciBus", gpu.pci_bus},
                   {"computeCapability",
                    std::to_string(gpu.compute_major) + "." + std::to_string(gpu.compute_minor)}};
  if (!gpu.reason.empty()) out["reason"] = gpu.reason;
  if (gpu.node) out["numaNode"] = *gpu.node;
  if (!gpu.parent.empty()) out["sliceOf"] = gpu.parent;
  return out;
}

json::object lease_json(const HeldLease& held, const std::string& node) {
  json::array devices;
  for (std::size_t i = 0; i < held.lease.devices.size(); ++i) {
    devices.push_back(json::object{{"name", held.lease.devices[i].uuid},
                                   {"memoryBytes", held.lease.devices[i].memory_bytes},
                                   {"heldBytes", held.device_bytes(i)}});
  }
  return {{"name", std::to_string(held.replica)},
          {"node", node},
          {"model", held.deployment.model},
          {"environment", held.deployment.environment},
          {"revision", held.revision},
          {"since", utc_text(held.since)},
          {"ready", held.ready != nullptr},
          {"pid", held.ready && held.ready->pid() != 0 ? json::value(held.ready->pid())
                                                       : json::value(nullptr)},
          {"flavor", held.lease.flavor},
          {"threads", held.lease.threads},
          {"cpus", or_null(to_text(held.lease.cpus))},
          {"memoryBytes", held.lease.memory_bytes},
          {"heldBytes", held.host_bytes()},
          {"devices", std::move(devices)}};
}

void nodes(Api& api, Call& call) {
  const lifecycle::Ledger& ledger = api.parts().ledger;
  const devices::Cpus& cpus = ledger.cpus();
  const auto gpus = ledger.gpus();
  const auto held = held_by_device(ledger.leases());
  const auto all = held.find(kCpus);
  json::object node{{"name", api.parts().node},
                    {"flavor", to_string(cpus.flavor)},
                    {"cpus", cpus.usable},
                    {"isa", json::array(cpus.isa.begin(), cpus.isa.end())},
                    {"numaNodes", std::max<std::size_t>(1, cpus.nodes.size())},
                    {"machineBytes", cpus.memory_bytes},
                    {"memoryBytes", ledger.limits().bytes},
                    {"heldBytes", all == held.end() ? 0 : all->second.bytes},
                    {"replicas", all == held.end() ? 0 : all->second.replicas},
                    {"maxReplicas", ledger.limits().replicas},
                    {"devices", gpus ? gpus->devices.size() : 0},
                    {"driver", gpus ? or_null(gpus->driver) : json::value(nullptr)}};
  const std::string note = gpus ? gpus->note : ledger.gpus_unknown().value_or("");
  if (!note.empty()) node["note"] = note;
  json::array items;
  items.push_back(std::move(node));
  answer_page(call, std::move(items));
}

void devices(Api& api, Call& call) {
  const lifecycle::Ledger& ledger = api.parts().ledger;
  const std::string& node = api.parts().node;
  const auto held = held_by_device(ledger.leases());
  const auto of = [&](std::string_view device) {
    const auto found = held.find(device);
    return found == held.end() ? Held{} : found->second;
  };
  json::array items;
  if (const auto gpus = ledger.gpus()) {
    for (const devices::Gpu& gpu : gpus->devices) {
      items.push_back(gpu_json(gpu, node, of(gpu.uuid)));
    }
  }
  items.push_back(cpu_json(ledger, node, of(kCpus)));
  answer_page(call, std::move(items));
}

void leases(Api& api, Call& call) {
  json::array items;
  for (const HeldLease& held : api.parts().ledger.leases()) {
    if (held.deployment.workspace == call.workspace) {
      items.push_back(lease_json(held, api.parts().node));
    }
  }
  answer_page(call, std::move(items));
}

}  // namespace

void add_machine_routes(std::vector<Route>& out) {
  const auto list = [&](std::string_view path, std::string_view id, std::string_view help,
                        std::string_view schema, auto handle) {
    out.push_back(
        {"GET", path, id, help, access::Act::kRead, {kLimit, kAfter}, "", schema, 200, handle});
  };
  list("/v0/nodes", "listNodes", "Lists the machines: this one", "NodeList", nodes);
  list("/v0/devices", "listDevices", "Lists what replicas are placed on: CPUs, GPUs, slices",
       "DeviceList", devices);
  list("/v0/leases", "listLeases", "Lists what the replicas of a workspace hold", "LeaseList",
       leases);
}

}  // namespace tenon::control
