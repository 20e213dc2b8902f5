#pragma once

#include <map>
#include <string>
#include <vector>

namespace tenon::validator {

// What a plugin may not change of the process that it is in.
struct ProcessState {
  std::vector<std::string> environment;  // "NAME=VALUE", sorted
  std::string folder;                    // working directory
  std::map<int, const void*> signals;    // number: handler
  unsigned threads = 0;
  std::map<int, std::string> files;  // descriptor: what it is
};

ProcessState read_process_state();

// In sentences, one for each thing: "the environment has CUDA_CACHE_PATH=/tmp now".
std::vector<std::string> changes(const ProcessState& before, const ProcessState& after);
// What there is more of.
std::vector<std::string> leaks(const ProcessState& before, const ProcessState& after);

// Once there are no more than so many threads, or as it is after a second: a thread that was joined
// is listed for a moment longer.
ProcessState settled_process_state(unsigned threads);

}  // namespace tenon::validator
