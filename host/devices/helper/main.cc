#include <fcntl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "host/devices/helper/survey.h"

namespace {

constexpr int kHost = 3;  // a socket: one byte in asks, a report comes back

bool send_report(const tenon::devices::Report& report) {
  const std::string text = encode(report);
  for (std::string_view rest = text; !rest.empty();) {
    const ssize_t n = ::write(kHost, rest.data(), rest.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    rest.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

bool asked() {
  char byte = 0;
  ssize_t n = 0;
  while ((n = ::read(kHost, &byte, 1)) < 0 && errno == EINTR) {
  }
  return n == 1;
}

}  // namespace

// Started by the host. Ends when the host does, and when there is nothing to ask.
int main(int argc, char**) {
  if (argc != 1 || ::fcntl(kHost, F_GETFD) < 0) {
    std::fputs("tenon-devices is started by `tenon serve` and `tenon doctor`.\n", stderr);
    return 2;
  }
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (!asked()) return 0;
  tenon::devices::Report refusal;
  const auto library = tenon::devices::nvml::Library::open("libnvidia-ml.so.1");
  if (!library) {
    refusal.absent = library.error().message;
    send_report(refusal);
    return 0;
  }
  tenon::devices::Survey survey(*library);
  if (!survey.begin(refusal)) {
    send_report(refusal);
    return 0;
  }
  do {
    if (!send_report(survey.ask())) break;
  } while (asked());
  // Without nvmlShutdown: it may hang too, and the kernel cleans up.
  std::_Exit(0);
}
