#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "host/workers/worker/lineage.h"
#include "host/workers/worker/process.h"

// Started by the host with its process id as the argument and the control channel as descriptor 3.
int main(int argc, char** argv) {
  const int host = argc == 2 ? std::atoi(argv[1]) : 0;
  if (host <= 0) {
    std::fputs("tenon-worker is started by `tenon serve`.\n", stderr);
    return 2;
  }
  if (!tenon::worker::follow(host)) return 1;
  tenon::worker::Process process(tenon::workers::Channel(tenon::workers::Descriptor(3)), host);
  std::_Exit(process.run());
}
