#pragma once

#include <dirent.h>

#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

namespace tenon::workers {

// The parent of a process, by /proc; 0 when it is gone.
inline int parent_of(int pid) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  for (std::string word; status >> word;) {
    int parent = 0;
    if (word == "PPid:" && status >> parent) return parent;
  }
  return 0;
}

inline std::vector<int> children_of(int parent) {
  std::vector<int> out;
  DIR* dir = ::opendir("/proc");
  while (const dirent* entry = ::readdir(dir)) {
    const int pid = std::atoi(entry->d_name);
    if (pid > 0 && parent_of(pid) == parent) out.push_back(pid);
  }
  ::closedir(dir);
  return out;
}

}  // namespace tenon::workers
