#include "host/cli/in_child.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace tenon::cli {
namespace {

constexpr std::size_t kLongestText = 1 << 20;
constexpr int kWorkFailed = 3;  // the text is the error's message

void write_all(int to, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(to, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
}

[[noreturn]] void run_child(int to, const std::function<Result<std::string>()>& work) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  const auto result = work();
  write_all(to, result ? *result : result.error().message);
  ::_exit(result ? 0 : kWorkFailed);
}

// What comes until the other end closes; false when the time is up.
bool read_until_closed(int from, std::chrono::steady_clock::time_point end, std::string& text) {
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        end - std::chrono::steady_clock::now());
    if (left.count() <= 0) return false;
    pollfd ready{from, POLLIN, 0};
    const int got = ::poll(&ready, 1, static_cast<int>(left.count()));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    char buffer[4096];
    const ssize_t n = ::read(from, buffer, sizeof buffer);
    if (n <= 0) return true;
    if (text.size() < kLongestText) text.append(buffer, static_cast<std::size_t>(n));
  }
}

}  // namespace

Result<std::string> in_child(const std::function<Result<std::string>()>& work,
                             std::chrono::seconds limit) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) {
    return fail(Code::kExhausted, fmt::format("no pipe: {}", std::strerror(errno)));
  }
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(ends[0]);
    run_child(ends[1], work);
  }
  ::close(ends[1]);
  if (child < 0) {
    const int error = errno;
    ::close(ends[0]);
    return fail(Code::kExhausted, fmt::format("no process: {}", std::strerror(error)));
  }
  std::string text;
  const bool closed = read_until_closed(ends[0], std::chrono::steady_clock::now() + limit, text);
  ::close(ends[0]);
  if (!closed) ::kill(child, SIGKILL);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (!closed) {
    return fail(Code::kDeadline, fmt::format("did not end within {} s", limit.count()));
  }
  if (WIFSIGNALED(status)) {
    return fail(Code::kInternal, fmt::format("died by signal {} ({})", WTERMSIG(status),
                                             strsignal(WTERMSIG(status))));
  }
  if (WEXITSTATUS(status) == kWorkFailed) return fail(Code::kInvalid, std::move(text));
  if (WEXITSTATUS(status) != 0) {
    return fail(Code::kInternal, fmt::format("ended with status {}", WEXITSTATUS(status)));
  }
  return text;
}

}  // namespace tenon::cli
