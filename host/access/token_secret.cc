#include "host/access/token_secret.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace tenon::access {
namespace {

std::unexpected<Error> failed(const char* what, const std::string& path) {
  return fail(Code::kUnavailable,
              fmt::format("cannot {} {}: {}", what, path, std::strerror(errno)));
}

Result<Sha256> make(const std::string& path, const Random& random) {
  Sha256 secret;
  random(secret);
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return failed("make", path);
  const bool written =
      ::write(fd, secret.data(), secret.size()) == ssize_t{sizeof secret} && ::fsync(fd) == 0;
  ::close(fd);
  if (written) return secret;
  ::unlink(path.c_str());
  return failed("write", path);
}

}  // namespace

Result<Sha256> token_secret(const std::string& folder, const Random& random) {
  const std::string path = folder + "/token.secret";
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) return errno == ENOENT ? make(path, random) : failed("open", path);
  std::array<std::byte, sizeof(Sha256) + 1> bytes;
  const ssize_t size = ::read(fd, bytes.data(), bytes.size());
  ::close(fd);
  if (size != ssize_t{sizeof(Sha256)}) {
    return fail(
        Code::kInternal,
        fmt::format("{} holds {} bytes, expected {}: remove it, and tokens given out before "
                    "end",
                    path, size, sizeof(Sha256)));
  }
  Sha256 out;
  std::memcpy(out.data(), bytes.data(), out.size());
  return out;
}

}  // namespace tenon::access
