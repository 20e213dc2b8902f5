#include "host/cli/machine.h"

#include <fmt/format.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "host/plugins/manifest_reader.h"

namespace tenon::cli {
namespace {

namespace fs = std::filesystem;

// A thousand deployments take half a megabyte; whatever is larger is no configuration.
constexpr std::uintmax_t kLargestFile = 64 << 20;

std::uint64_t number_in(const char* path) {
  std::ifstream in(path);
  std::uint64_t number = 0;
  return in >> number ? number : ~std::uint64_t{0};  // "max" is no number
}

}  // namespace

std::string Machine::absolute(const std::string& path) const {
  std::error_code error;
  fs::path out = fs::absolute(path, error).lexically_normal();
  if (error) return path;
  if (!out.has_filename()) out = out.parent_path();  // "models/" is "models"
  return out.string();
}

bool Machine::is_folder(const std::string& path) const {
  std::error_code error;
  return fs::is_directory(path, error);
}

Result<std::vector<plugins::Manifest>> Machine::plugins(const std::vector<std::string>& folders) {
  std::vector<std::string> there;  // a missing one is config's to refuse
  std::ranges::copy_if(folders, std::back_inserter(there),
                       [&](const std::string& folder) { return is_folder(folder); });
  auto scanned = plugins::scan(there);
  if (scanned) found_ = *scanned;
  return scanned;
}

Result<std::string> read_file(const std::string& path) {
  std::error_code error;
  if (fs::is_directory(path, error)) {
    return fail(Code::kInvalid, fmt::format("{}: a folder, expected a file", path));
  }
  const auto size = fs::file_size(path, error);
  if (!error && size > kLargestFile) {
    return fail(Code::kInvalid,
                fmt::format("{}: {} bytes, expected at most {}", path, size, kLargestFile));
  }
  std::ifstream in(path, std::ios::binary);
  if (!in) return fail(Code::kNotFound, fmt::format("{}: {}", path, std::strerror(errno)));
  return std::string{std::istreambuf_iterator<char>(in), {}};
}

std::string program_folder() {
  std::error_code error;
  return fs::read_symlink("/proc/self/exe", error).parent_path().string();
}

unsigned usable_cpus() {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  return static_cast<unsigned>(std::max(1, CPU_COUNT(&set)));
}

std::uint64_t usable_memory() {
  const auto machine = static_cast<std::uint64_t>(sysconf(_SC_PHYS_PAGES)) *
                       static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  const std::uint64_t limit = std::min(number_in("/sys/fs/cgroup/memory.max"),
                                       number_in("/sys/fs/cgroup/memory/memory.limit_in_bytes"));
  return std::min(machine, limit) / 4 * 3;
}

}  // namespace tenon::cli
