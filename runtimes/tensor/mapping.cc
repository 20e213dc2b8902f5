#include "runtimes/tensor/mapping.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace tenon::tensor {
namespace {

std::unexpected<Error> system_failure(const std::string& what, const char* doing, int error) {
  Error::Kind kind = Error::Kind::kInternal;
  if (error == ENOENT || error == ENOTDIR) kind = Error::Kind::kNotFound;
  if (error == EACCES || error == EPERM || error == ELOOP) kind = Error::Kind::kInvalid;
  if (error == ENOMEM || error == ENOSPC || error == EMFILE || error == ENFILE)
    kind = Error::Kind::kExhausted;
  return fail(kind, what + ": cannot " + doing + " it: " + std::generic_category().message(error));
}

}  // namespace

Mapping::Mapping(Mapping&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

Mapping& Mapping::operator=(Mapping&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

Mapping::~Mapping() {
  if (data_) munmap(data_, size_);
}

Result<Mapping> Mapping::file(int fd, const std::string& what) {
  struct stat status{};
  if (fstat(fd, &status) != 0) return system_failure(what, "examine", errno);
  if (!S_ISREG(status.st_mode)) return fail(Error::Kind::kInvalid, what + " is not a regular file");
  if (status.st_size == 0) return fail(Error::Kind::kInvalid, what + " is empty");
  const auto size = static_cast<std::size_t>(status.st_size);
  void* data = mmap(nullptr, size, PROT_READ, MAP_SHARED, fd, 0);
  if (data == MAP_FAILED) return system_failure(what, "map", errno);
  return Mapping(static_cast<std::byte*>(data), size);
}

Result<Mapping> Mapping::open(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return system_failure(path, "open", errno);
  auto mapping = file(fd, path);
  close(fd);
  return mapping;
}

Result<Mapping> Mapping::grow(int fd, std::uint64_t size, const std::string& what) {
  // Space is taken now: a full disk must be an error here, not SIGBUS at a store.
  if (const int error = posix_fallocate(fd, 0, static_cast<off_t>(size)); error != 0) {
    return system_failure(what, "grow", error);
  }
  void* data = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (data == MAP_FAILED) return system_failure(what, "map", errno);
  return Mapping(static_cast<std::byte*>(data), size);
}

Result<Mapping> Mapping::anonymous(std::uint64_t size) {
  void* data = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (data == MAP_FAILED)
    return system_failure(std::to_string(size) + " bytes of memory", "map", errno);
  return Mapping(static_cast<std::byte*>(data), size);
}

Result<void> Mapping::seal() {
  if (mprotect(data_, size_, PROT_READ) != 0)
    return system_failure("packed weights", "seal", errno);
  return {};
}

}  // namespace tenon::tensor
