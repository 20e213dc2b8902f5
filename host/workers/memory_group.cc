#include "host/workers/memory_group.h"

#include <fcntl.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <boost/asio/post.hpp>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <ranges>
#include <sstream>
#include <vector>

#include "host/telemetry/log.h"
#include "host/workers/descriptor.h"

namespace tenon::workers {
namespace {

namespace asio = boost::asio;
namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "tenon-";
constexpr const char* kOwnGroup = "for systemd Delegate=yes and DelegateSubgroup=host";

std::string text_of(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return std::move(text).str();
}

Result<void> write_to(const std::string& path, const std::string& text) {
  const Descriptor file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (file && ::write(file.get(), text.data(), text.size()) >= 0) return {};
  return fail(Code::kUnavailable, path + ": " + std::strerror(errno));
}

std::vector<std::string> words_of(std::string_view line, char by) {
  std::vector<std::string> words;
  for (const auto part : std::views::split(line, by)) words.emplace_back(part.begin(), part.end());
  return words;
}

bool has_word(std::string_view text, char by, std::string_view word) {
  for (const auto part : std::views::split(text, by)) {
    std::string_view one(part.begin(), part.end());
    while (one.ends_with('\n')) one.remove_suffix(1);
    if (one == word) return true;
  }
  return false;
}

// When a process began, in the kernel's ticks: with its id the name of that process for good.
std::string start_of(const std::string& pid) {
  const std::string stat = text_of("/proc/" + pid + "/stat");
  const auto name_end = stat.rfind(')');
  if (name_end == std::string::npos) return "";
  constexpr std::size_t kStart = 20;  // counted from the name
  const auto fields = words_of(std::string_view(stat).substr(name_end + 1), ' ');
  return fields.size() > kStart ? fields[kStart] : "";
}

// The kernel counts a killed process in until it is done with it.
void remove_group(const std::string& folder) {
  constexpr timespec kStep{0, 1'000'000};
  for (int i = 0; i < 200 && ::rmdir(folder.c_str()) != 0 && errno == EBUSY; ++i) {
    ::nanosleep(&kStep, nullptr);
  }
}

bool is_delegated(const std::string& folder) {
  char value = 0;
  return ::getxattr(folder.c_str(), "trusted.delegate", &value, 1) == 1 && value == '1';
}

// v2 only: groups made in the folder shall have the controller.
Result<void> hand_on(const std::string& folder) {
  if (has_word(text_of(folder + "/cgroup.subtree_control"), ' ', "memory")) return {};
  return write_to(folder + "/cgroup.subtree_control", "+memory");
}

}  // namespace

Result<GroupPlace> find_group_place(std::string_view mounts, std::string_view groups) {
  std::string v1;
  std::string v2;
  bool has_v1 = false;
  for (const std::string& line : words_of(groups, '\n')) {  // id:controllers:path
    const auto first = line.find(':');
    const auto second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const auto controllers = line.substr(first + 1, second - first - 1);
    if (controllers.empty()) v2 = line.substr(second + 1);
    if (has_word(controllers, ',', "memory")) {
      v1 = line.substr(second + 1);
      has_v1 = true;
    }
  }
  for (const std::string& line : words_of(mounts, '\n')) {
    // id parent device root folder options … - type source options
    const auto fields = words_of(line, ' ');
    const auto dash = std::ranges::find(fields, "-") - fields.begin();
    if (dash < 6 || static_cast<std::size_t>(dash) + 3 >= fields.size()) continue;
    const bool is_v2 = fields[dash + 1] == "cgroup2";
    const bool is_v1 = fields[dash + 1] == "cgroup" && has_word(fields[dash + 3], ',', "memory");
    if (has_v1 ? !is_v1 : !is_v2) continue;
    // What is mounted may begin further down, or our own group lie outside of it.
    std::string own = has_v1 ? v1 : v2;
    if (fields[3] != "/" && own.starts_with(fields[3])) own.erase(0, fields[3].size());
    if (own == "/" || own.contains("..")) own.clear();
    return GroupPlace{fields[4] + own, is_v2};
  }
  return fail(Code::kUnavailable, "no cgroup hierarchy with a memory controller is mounted");
}

MemoryGroup::MemoryGroup(std::shared_ptr<MemoryGroups> groups, std::string folder)
    : groups_(std::move(groups)), folder_(std::move(folder)) {}

MemoryGroup::~MemoryGroup() {
  remove_group(folder_);
}

Result<void> MemoryGroup::limit(std::uint64_t bytes) {
  limit_ = bytes;
  const std::string text = std::to_string(bytes);
  const bool v2 = groups_->place_.v2;
  auto done = write_to(folder_ + (v2 ? "/memory.max" : "/memory.limit_in_bytes"), text);
  // Without accounting for swap these files are not there, and without swap they bound nothing.
  static_cast<void>(v2 ? write_to(folder_ + "/memory.swap.max", "0")
                       : write_to(folder_ + "/memory.memsw.limit_in_bytes", text));
  return done;
}

std::optional<std::uint64_t> MemoryGroup::exceeded() const {
  std::ifstream events(folder_ + (groups_->place_.v2 ? "/memory.events" : "/memory.oom_control"));
  for (std::string word; events >> word;) {
    std::uint64_t count = 0;
    if (word == "oom_kill" && events >> count && count > 0) return limit_;
  }
  return std::nullopt;
}

void MemoryGroup::attach(pid_t pid, std::function<void(Result<void>)> done) {
  if (!groups_->attaching_) return;
  asio::post(*groups_->attaching_, [&control = groups_->control_, file = folder_ + "/cgroup.procs",
                                    pid, done = std::move(done)]() mutable {
    auto moved = write_to(file, std::to_string(pid));
    asio::post(control, [done = std::move(done), moved = std::move(moved)] { done(moved); });
  });
}

MemoryGroups::MemoryGroups(asio::io_context& control)
    : control_(control),
      prefix_(std::string(kPrefix) + std::to_string(::getpid()) + '-' + start_of("self") + '-'),
      part_(look()) {
  if (!part_) return;
  attaching_ = std::make_unique<asio::thread_pool>(1);
  remove_leftovers();
}

Result<std::string> MemoryGroups::look() {
  auto place = find_group_place(text_of("/proc/self/mountinfo"), text_of("/proc/self/cgroup"));
  if (place && place->v2) {
    const std::string parent = fs::path(place->folder).parent_path();
    if (!has_word(text_of(place->folder + "/cgroup.controllers"), ' ', "memory")) {
      place = fail(Code::kUnavailable, "cgroup v2 has no memory controller in " + place->folder);
    } else if (auto handed = hand_on(place->folder); handed) {
    } else if (is_delegated(parent) && hand_on(parent)) {
      place->folder = parent;
    } else {
      place = std::unexpected(handed.error());
      place.error().message += std::string(" (") + kOwnGroup + ")";
    }
  }
  if (place && ::access(place->folder.c_str(), W_OK) != 0) {
    place = fail(Code::kUnavailable,
                 place->folder + ": " + std::strerror(errno) +
                     " (a host that is not root needs a group of its own: " + kOwnGroup + ")");
  }
  if (!place) {
    return fail(Code::kUnavailable,
                "memory limit by cgroup: " + place.error().message +
                    "; RLIMIT_DATA holds alone, which is wider than the lease and does not count "
                    "mapped files, shared or device memory");
  }
  place_ = *place;
  return std::string("memory limit by cgroup ") + (place_.v2 ? "v2" : "v1");
}

void MemoryGroups::remove_leftovers() const {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(place_.folder, error)) {
    const std::string name = entry.path().filename();
    if (!name.starts_with(kPrefix)) continue;
    const auto parts = words_of(name, '-');  // tenon, process, its start, which
    if (parts.size() == 4 && start_of(parts[1]) != parts[2]) remove_group(entry.path());
  }
}

std::unique_ptr<MemoryGroup> MemoryGroups::make(std::uint64_t bytes) {
  if (!attaching_) return nullptr;
  std::string folder = place_.folder + '/' + prefix_ + "XXXXXX";
  if (::mkdtemp(folder.data()) == nullptr) {
    log::warn("worker without its memory limit", {{"error", folder + ": " + std::strerror(errno)}});
    return nullptr;
  }
  auto group = std::make_unique<MemoryGroup>(shared_from_this(), folder);
  if (bytes == 0) return group;
  if (auto limited = group->limit(bytes); !limited) {
    log::warn("worker without its memory limit", {{"error", limited.error().message}});
    return nullptr;
  }
  return group;
}

void MemoryGroups::close() {
  if (attaching_) attaching_->join();
  attaching_.reset();
}

}  // namespace tenon::workers
