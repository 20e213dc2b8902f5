#include "host/cli/machine.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>

#include "host/plugins/manifest_reader.h"

namespace tenon::cli {
namespace {

namespace fs = std::filesystem;

// A thousand deployments take half a megabyte; whatever is larger is no configuration.
constexpr std::uintmax_t kLargestFile = 64 << 20;

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

Result<std::string> read_file_or_input(const std::string& path) {
  if (path != "-") return read_file(path);
  return std::string{std::istreambuf_iterator<char>(std::cin), {}};
}

std::string program_folder() {
  std::error_code error;
  return fs::read_symlink("/proc/self/exe", error).parent_path().string();
}

}  // namespace tenon::cli
