#include "sdk/validator/process_state.h"

#include <dirent.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <climits>
#include <cstring>
#include <functional>
#include <iterator>
#include <thread>

namespace tenon::validator {
namespace {

using namespace std::chrono_literals;

void entries(const char* folder, const std::function<void(int)>& visit) {
  DIR* const dir = opendir(folder);
  if (!dir) return;
  while (const dirent* entry = readdir(dir)) {
    const char* name = entry->d_name;
    int number = 0;
    if (std::from_chars(name, name + std::strlen(name), number).ec != std::errc()) continue;
    if (number != dirfd(dir)) visit(number);
  }
  closedir(dir);
}

std::string target(int descriptor) {
  char path[PATH_MAX];
  const std::string link = "/proc/self/fd/" + std::to_string(descriptor);
  const ssize_t n = readlink(link.c_str(), path, sizeof path);
  return n < 0 ? "?" : std::string(path, static_cast<std::size_t>(n));
}

}  // namespace

ProcessState read_process_state() {
  ProcessState out;
  for (char** e = environ; e && *e; ++e) out.environment.emplace_back(*e);
  std::ranges::sort(out.environment);
  char folder[PATH_MAX];
  out.folder = getcwd(folder, sizeof folder) ? folder : "?";
  for (int number = 1; number < NSIG; ++number) {
    struct sigaction action{};
    if (sigaction(number, nullptr, &action) != 0) continue;
    out.signals[number] = reinterpret_cast<const void*>(action.sa_handler);
  }
  entries("/proc/self/task", [&](int) { ++out.threads; });
  entries("/proc/self/fd", [&](int descriptor) { out.files[descriptor] = target(descriptor); });
  return out;
}

std::vector<std::string> changes(const ProcessState& before, const ProcessState& after) {
  std::vector<std::string> out, added, gone;
  std::ranges::set_difference(after.environment, before.environment, std::back_inserter(added));
  std::ranges::set_difference(before.environment, after.environment, std::back_inserter(gone));
  for (const auto& entry : added) out.push_back("the environment has " + entry + " now");
  if (added.empty() && !gone.empty()) out.push_back("the environment lost " + gone.front());
  if (after.folder != before.folder) {
    out.push_back("the working directory is " + after.folder + " now, was " + before.folder);
  }
  for (const auto& [number, handler] : after.signals) {
    if (before.signals.contains(number) && before.signals.at(number) != handler) {
      out.push_back("signal " + std::to_string(number) + " (" + strsignal(number) +
                    ") has another handler now");
    }
  }
  return out;
}

std::vector<std::string> leaks(const ProcessState& before, const ProcessState& after) {
  std::vector<std::string> out;
  if (after.threads > before.threads) {
    out.push_back(std::to_string(after.threads - before.threads) + " more threads than before");
  }
  if (after.files.size() > before.files.size()) {
    std::string which;
    for (const auto& [descriptor, what] : after.files) {
      if (!before.files.contains(descriptor)) which += ' ' + what;
    }
    out.push_back("more open files than before:" + which);
  }
  return out;
}

ProcessState settled_process_state(unsigned threads) {
  const auto end = std::chrono::steady_clock::now() + 1s;
  ProcessState state = read_process_state();
  while (state.threads > threads && std::chrono::steady_clock::now() < end) {
    std::this_thread::sleep_for(1ms);
    state = read_process_state();
  }
  return state;
}

}  // namespace tenon::validator
