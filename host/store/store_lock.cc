#include "host/store/store_lock.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace tenon::store {

Result<std::unique_ptr<StoreLock>> StoreLock::take(const std::string& store) {
  const std::string file = store + ".lock";
  const int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return fail(Code::kUnavailable, fmt::format("{}: {}", file, std::strerror(errno)));
  std::unique_ptr<StoreLock> lock(new StoreLock(fd));
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    char pid[32] = {};
    const ssize_t size = ::pread(fd, pid, sizeof pid - 1, 0);
    return fail(Code::kPrecondition,
                fmt::format("{} is in use by a host, process {}: stop it first", store,
                            std::string_view(pid, size > 0 ? static_cast<std::size_t>(size) : 0)));
  }
  const std::string pid = std::to_string(::getpid());
  if (::ftruncate(fd, 0) != 0 ||
      ::pwrite(fd, pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size())) {
    return fail(Code::kExhausted, fmt::format("{}: {}", file, std::strerror(errno)));
  }
  return lock;
}

StoreLock::~StoreLock() {
  ::close(fd_);
}

}  // namespace tenon::store
