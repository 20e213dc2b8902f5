#include "host/workers/cache_folder.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <vector>

namespace tenon::workers {

tenon_code open_cached(int folder, std::string_view name, std::int32_t& fd, std::uint64_t& size) {
  Descriptor file(
      ::openat(folder, std::string(name).c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
  struct stat info{};
  if (!file || ::fstat(file.get(), &info) != 0 || !S_ISREG(info.st_mode)) return TENON_NOT_FOUND;
  fd = file.release();
  size = static_cast<std::uint64_t>(info.st_size);
  return TENON_OK;
}

Result<CacheFolder> CacheFolder::open_at(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  Descriptor folder(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!folder) {
    return fail(Code::kUnavailable,
                "the cache folder " + path + " cannot be opened: " + std::strerror(errno));
  }
  return CacheFolder(std::move(folder));
}

tenon_code CacheFolder::open(std::string_view name, std::int32_t& fd, std::uint64_t& size) {
  return open_cached(folder_.get(), name, fd, size);
}

tenon_code CacheFolder::create(std::string_view, std::int32_t& fd) {
  const int file = ::openat(folder_.get(), ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (file < 0) return TENON_UNAVAILABLE;
  fd = file;
  return TENON_OK;
}

tenon_code CacheFolder::publish(std::string_view name, std::int32_t fd) {
  struct stat folder{};
  struct stat file{};
  if (::fstat(folder_.get(), &folder) != 0 || ::fstat(fd, &file) != 0) return TENON_INVALID;
  if (!S_ISREG(file.st_mode) || file.st_nlink != 0 || file.st_dev != folder.st_dev) {
    return TENON_INVALID;
  }
  static std::atomic<std::uint32_t> serial{0};
  const std::string from = "/proc/self/fd/" + std::to_string(fd);
  const std::string to(name);
  // A link cannot replace, a rename can: through a name that open() refuses.
  const std::string passing =
      ".publish-" + std::to_string(::getpid()) + "-" + std::to_string(serial.fetch_add(1));
  if (::linkat(AT_FDCWD, from.c_str(), folder_.get(), passing.c_str(), AT_SYMLINK_FOLLOW) != 0) {
    return TENON_UNAVAILABLE;
  }
  if (::renameat(folder_.get(), passing.c_str(), folder_.get(), to.c_str()) != 0) {
    ::unlinkat(folder_.get(), passing.c_str(), 0);
    return TENON_UNAVAILABLE;
  }
  return TENON_OK;
}

Result<std::string> origin_identity(const std::string& model_path) {
  namespace fs = std::filesystem;
  constexpr std::size_t kMaxFiles = 20'000;
  std::error_code error;
  std::vector<std::string> paths;
  for (fs::recursive_directory_iterator at(model_path, error), end; !error && at != end;
       at.increment(error)) {
    paths.push_back(at->path().string());
    if (paths.size() > kMaxFiles) {
      return fail(Code::kInvalid, "the model folder " + model_path + " holds more than " +
                                      std::to_string(kMaxFiles) + " files");
    }
  }
  if (error) {
    return fail(Code::kInvalid,
                "the model folder " + model_path + " cannot be read: " + error.message());
  }
  std::ranges::sort(paths);

  // FNV-1a, 128 bits: tells files apart, and is no defence against an author of collisions.
  constexpr auto kPrime = (static_cast<unsigned __int128>(1) << 88) + 0x13b;
  auto hash = (static_cast<unsigned __int128>(0x6c62272e07bb0142) << 64) + 0x62b821756295c58d;
  const auto mix = [&](const void* data, std::size_t size) {
    for (std::size_t i = 0; i < size; ++i) {
      hash = (hash ^ static_cast<const unsigned char*>(data)[i]) * kPrime;
    }
  };
  for (const std::string& path : paths) {
    struct stat info{};
    if (::stat(path.c_str(), &info) != 0) continue;  // a dangling link
    const std::array<std::int64_t, 7> values{static_cast<std::int64_t>(info.st_dev),
                                             static_cast<std::int64_t>(info.st_ino),
                                             info.st_size,
                                             info.st_mtim.tv_sec,
                                             info.st_mtim.tv_nsec,
                                             info.st_ctim.tv_sec,
                                             info.st_ctim.tv_nsec};
    mix(path.c_str() + model_path.size(), path.size() - model_path.size() + 1);
    mix(values.data(), sizeof values);
  }
  std::array<char, 33> text{};
  std::snprintf(text.data(), text.size(), "%016llx%016llx",
                static_cast<unsigned long long>(hash >> 64), static_cast<unsigned long long>(hash));
  return std::string(text.data(), 32);
}

}  // namespace tenon::workers
