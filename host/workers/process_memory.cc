#include "host/workers/process_memory.h"

#include <unistd.h>

#include <fstream>
#include <string>

namespace tenon::workers {

std::uint64_t process_memory(pid_t pid) {
  const std::string folder = "/proc/" + std::to_string(pid);
  std::ifstream rollup(folder + "/smaps_rollup");
  for (std::string word; rollup >> word;) {
    std::uint64_t kilobytes = 0;
    if (word == "Pss:" && rollup >> kilobytes) return kilobytes * 1024;
  }
  std::ifstream statm(folder + "/statm");
  std::uint64_t total = 0;
  std::uint64_t resident = 0;
  if (!(statm >> total >> resident)) return 0;
  return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace tenon::workers
