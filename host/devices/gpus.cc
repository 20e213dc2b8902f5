#include "host/devices/gpus.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "host/devices/small_file.h"
#include "host/domain/code_name.h"

namespace tenon::devices {
namespace {

// The driver writes "00000000:18:00.0" where sysfs has "0000:18:00.0".
std::string sysfs_bus(std::string_view bus) {
  const auto colon = bus.find(':');
  if (colon != bus.npos && colon > 4) bus.remove_prefix(colon - 4);
  return bus.contains('/') ? "" : lower_case(bus);
}

std::optional<unsigned> node_of(const std::string& root, const std::string& bus) {
  const std::string text =
      small_file(root + "/sys/bus/pci/devices/" + sysfs_bus(bus) + "/numa_node").value_or("");
  const std::string_view digits = trimmed(text);
  unsigned node = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), node);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;  // "-1"
  return node;
}

// What opens a part of a MIG slice: /dev/nvidia-caps/nvidia-cap12.
void add_capability(std::vector<std::string>& files, const std::string& access_file) {
  const std::string text = small_file(access_file).value_or("");
  for (const std::string_view line : lines_of(text)) {  // "DeviceFileMinor: 12"
    const auto words = words_of(line);
    if (words.size() != 2 || words[0] != "DeviceFileMinor:") continue;
    if (!std::ranges::all_of(words[1], [](char c) { return c >= '0' && c <= '9'; })) continue;
    files.push_back(fmt::format("/dev/nvidia-caps/nvidia-cap{}", words[1]));
  }
}

Gpu whole(const ReportedGpu& from, std::span<const FlavorRule> rules, const std::string& root) {
  Gpu gpu;
  gpu.uuid = from.uuid;
  gpu.name = from.name;
  gpu.flavor = flavor_of(from.name, from.memory_bytes, rules);
  gpu.memory_bytes = from.memory_bytes;
  gpu.free_bytes = from.free_bytes;
  gpu.pci_bus = from.pci_bus;
  gpu.node = node_of(root, from.pci_bus);
  gpu.compute_major = from.compute_major;
  gpu.compute_minor = from.compute_minor;
  gpu.files = {fmt::format("/dev/nvidia{}", from.minor)};
  gpu.health = from.health;
  gpu.reason = from.reason;
  if (gpu.memory_bytes == 0 && gpu.health == Health::kOk) {
    gpu.health = Health::kFailing;
    gpu.reason = "the driver does not tell its memory";
  }
  return gpu;
}

Gpu slice(const ReportedGpu& board, const ReportedSlice& from, std::span<const FlavorRule> rules,
          const std::string& root) {
  Gpu gpu = whole(board, rules, root);
  gpu.uuid = from.uuid;
  gpu.name = from.name;
  gpu.flavor = flavor_of(from.name, from.memory_bytes, rules);
  gpu.memory_bytes = from.memory_bytes;
  gpu.free_bytes = from.free_bytes;
  gpu.parent = from.parent;
  const std::string instance = fmt::format("{}/proc/driver/nvidia/capabilities/gpu{}/mig/gi{}",
                                           root, board.minor, from.gpu_instance);
  add_capability(gpu.files, instance + "/access");
  add_capability(gpu.files, fmt::format("{}/ci{}/access", instance, from.compute_instance));
  return gpu;
}

}  // namespace

Gpus next_gpus(const Gpus& before, const Report& report, std::span<const FlavorRule> rules,
               const std::string& root) {
  Gpus out;
  out.driver = report.driver;
  out.note = report.problem.empty() ? report.absent : report.problem;
  out.links = report.links;
  for (const ReportedGpu& board : report.gpus) {
    if (!board.mig) {
      out.devices.push_back(whole(board, rules, root));
      continue;
    }
    for (const ReportedSlice& part : report.slices) {
      if (part.parent == board.uuid) out.devices.push_back(slice(board, part, rules, root));
    }
  }
  for (const Gpu& old : before.devices) {
    // A slice goes with its board only.
    const std::string& board = old.parent.empty() ? old.uuid : old.parent;
    if (std::ranges::find(report.gpus, board, &ReportedGpu::uuid) != report.gpus.end()) continue;
    Gpu lost = old;
    lost.health = Health::kLost;
    lost.reason = "the driver does not name it any more";
    out.devices.push_back(std::move(lost));
  }
  return out;
}

Gpus unanswered(Gpus gpus, const std::string& reason) {
  gpus.note = reason;
  gpus.answered = false;
  for (Gpu& gpu : gpus.devices) {
    if (gpu.health == Health::kLost) continue;
    gpu.health = Health::kUnknown;
    gpu.reason = reason;
  }
  return gpus;
}

LinkLevel link_between(const Gpus& gpus, const Gpu& a, const Gpu& b) {
  const std::string& first = a.parent.empty() ? a.uuid : a.parent;
  const std::string& second = b.parent.empty() ? b.uuid : b.parent;
  if (first == second) return LinkLevel::kBoard;
  for (const Link& link : gpus.links) {
    if ((link.a == first && link.b == second) || (link.a == second && link.b == first)) {
      return link.level;
    }
  }
  return LinkLevel::kSystem;
}

}  // namespace tenon::devices
