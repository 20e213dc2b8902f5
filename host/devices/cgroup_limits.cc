#include "host/devices/cgroup_limits.h"

#include <algorithm>
#include <charconv>
#include <functional>
#include <optional>

#include "host/devices/small_file.h"

namespace tenon::devices {
namespace {

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;  // "max", "-1"
  return value;
}

std::optional<std::uint64_t> number_in(const std::string& path) {
  return number(trimmed(small_file(path).value_or("")));
}

// Calls for the group's folder and each above it. In a container the path may be the machine's
// while the mount shows only the container's part: the folders that are missing say nothing.
void for_each_level(const std::string& mount, std::string_view group,
                    const std::function<void(const std::string&)>& f) {
  if (group.contains("..")) group = "/";  // outside of the mount
  for (;;) {
    f(mount + (group == "/" ? "" : std::string(group)));
    const auto slash = group.rfind('/');
    if (group.size() <= 1 || slash == group.npos) return;
    group = group.substr(0, std::max<std::size_t>(slash, 1));
  }
}

void take_quota(CgroupLimits& limits, std::optional<std::uint64_t> quota,
                std::optional<std::uint64_t> period) {
  if (!quota || !period || *period == 0) return;
  limits.cpus = std::min(limits.cpus, static_cast<double>(*quota) / static_cast<double>(*period));
}

void take_memory(CgroupLimits& limits, const std::string& path) {
  if (const auto bytes = number_in(path))
    limits.memory_bytes = std::min(limits.memory_bytes, *bytes);
}

}  // namespace

CgroupLimits read_cgroup_limits(const std::string& root) {
  CgroupLimits limits;
  const std::string mounts = root + "/sys/fs/cgroup";
  const std::string own = small_file(root + "/proc/self/cgroup").value_or("0::/");
  for (const std::string_view line : lines_of(own)) {  // "4:cpu,cpuacct:/group", v2: "0::/group"
    const auto first = line.find(':');
    const auto second = line.find(':', first + 1);
    if (first == line.npos || second == line.npos) continue;
    const std::string controllers(line.substr(first + 1, second - first - 1));
    const std::string_view group = line.substr(second + 1);
    const std::string listed = "," + controllers + ",";
    if (controllers.empty()) {
      for_each_level(mounts, group, [&](const std::string& at) {
        const std::string text = small_file(at + "/cpu.max").value_or("");  // "QUOTA PERIOD"
        const auto words = words_of(text);
        if (words.size() == 2) take_quota(limits, number(words[0]), number(words[1]));
        take_memory(limits, at + "/memory.max");
      });
    } else if (listed.contains(",cpu,")) {
      for_each_level(mounts + "/" + controllers, group, [&](const std::string& at) {
        take_quota(limits, number_in(at + "/cpu.cfs_quota_us"),
                   number_in(at + "/cpu.cfs_period_us"));
      });
    } else if (listed.contains(",memory,")) {
      for_each_level(mounts + "/" + controllers, group, [&](const std::string& at) {
        take_memory(limits, at + "/memory.limit_in_bytes");
      });
    }
  }
  return limits;
}

}  // namespace tenon::devices
