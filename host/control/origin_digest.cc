#include "host/control/origin_digest.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <vector>

#include "host/access/secret.h"
#include "host/plugins/pin.h"

namespace tenon::control {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostFiles = 10'000;
constexpr std::int64_t kSmall = 64 << 10;
constexpr std::int64_t kMostHashed = 16 << 20;  // of all small ones

// Paths of files below a folder, in their order; links are followed to files, not to folders.
std::vector<std::string> files_below(const std::string& folder) {
  std::vector<std::string> out;
  std::error_code error;
  fs::recursive_directory_iterator at(folder, fs::directory_options::skip_permission_denied, error);
  for (; !error && at != fs::end(at) && out.size() < kMostFiles; at.increment(error)) {
    out.push_back(at->path().string());
  }
  std::ranges::sort(out);
  return out;
}

}  // namespace

std::uint64_t origin_digest(const std::string& folder) {
  std::string all;
  std::int64_t hashed = 0;
  for (const std::string& path : files_below(folder)) {
    struct stat file{};
    if (::stat(path.c_str(), &file) != 0 || !S_ISREG(file.st_mode)) continue;
    all += path.substr(folder.size()) + '\0';
    if (file.st_size <= kSmall && hashed + file.st_size <= kMostHashed) {
      hashed += file.st_size;
      if (const auto sha256 = plugins::sha256_of(path)) {
        all += *sha256;
        continue;
      }
    }
    all += fmt::format("{} {} {}.{}", file.st_size, file.st_ino, file.st_mtim.tv_sec,
                       file.st_mtim.tv_nsec);
  }
  std::uint64_t out = 0;
  std::memcpy(&out, access::digest_of(all).data(), sizeof(out));
  return std::max<std::uint64_t>(out, 1);
}

}  // namespace tenon::control
