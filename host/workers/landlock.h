#pragma once

#include <span>
#include <string>
#include <vector>

#include "host/domain/error.h"

namespace tenon::workers {

struct LandlockRules {
  std::vector<std::string> readable;  // folders and files; those that do not exist are left out
  std::vector<std::string> writable;  // files
  std::vector<std::string> devices;   // device files, or folders of them
  bool links = false;                 // also what symbolic links right in those folders point to
  bool sockets = false;               // TCP is not restricted
  bool exec = false;                  // programs may be run
};

// Confines this thread, and all that it starts, to reading what the rules name; later calls only
// narrow. Gives the parts in force ("files", "TCP ports", "signals").
Result<std::vector<std::string>> confine_files(const LandlockRules&);

// The kernel's Landlock version; 0: none.
int landlock_version();

}  // namespace tenon::workers
