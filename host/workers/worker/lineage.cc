#include "host/workers/worker/lineage.h"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <ctime>
#include <new>

namespace tenon::worker {
namespace {

void wait_for_adoption(pid_t host) {
  constexpr timespec kStep{0, 20'000};
  for (int i = 0; i < 50'000; ++i) {
    if (::getppid() == host) return;
    ::nanosleep(&kStep, nullptr);
  }
}

// Forked processes share the seeds that were drawn before.
void redraw_seeds() {
  unsigned seeds[2] = {};
  if (::getrandom(seeds, sizeof seeds, GRND_NONBLOCK) != sizeof seeds) seeds[0] = ::getpid();
  ::srandom(seeds[0]);
  ::srand48(static_cast<long>(seeds[1]));
}

}  // namespace

bool follow(pid_t host) {
  // After the call the parent may already be gone: then no signal comes.
  return ::prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && ::getppid() == host;
}

pid_t fork_for(pid_t host) {
  void* page =
      ::mmap(nullptr, sizeof(pid_t), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return -1;
  auto* made = new (page) pid_t(-1);
  const pid_t middle = ::fork();
  if (middle == 0) {
    const pid_t child = ::fork();
    if (child != 0) {
      *made = child;
      ::_exit(0);
    }
    ::munmap(page, sizeof(pid_t));
    wait_for_adoption(host);
    if (!follow(host)) ::_exit(1);
    redraw_seeds();
    return 0;
  }
  while (middle > 0 && ::waitpid(middle, nullptr, 0) < 0 && errno == EINTR) {
  }
  const pid_t result = *made;
  ::munmap(page, sizeof(pid_t));
  return result;
}

}  // namespace tenon::worker
