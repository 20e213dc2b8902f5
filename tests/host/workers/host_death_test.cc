// Nothing outlives the host, and the worker stays small in what it links.
#include <dirent.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <vector>

namespace {

std::string build_dir() {
  const char* dir = std::getenv("TENON_BUILD_DIR");
  return dir == nullptr ? "." : dir;
}

int parent_of(int pid) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  for (std::string word; status >> word;) {
    int parent = 0;
    if (word == "PPid:" && status >> parent) return parent;
  }
  return 0;
}

std::vector<int> children_of(int parent) {
  std::vector<int> out;
  DIR* dir = ::opendir("/proc");
  while (const dirent* entry = ::readdir(dir)) {
    const int pid = std::atoi(entry->d_name);
    if (pid > 0 && parent_of(pid) == parent) out.push_back(pid);
  }
  ::closedir(dir);
  return out;
}

TEST(HostDeathTest, TakesWorkersAndTemplatesAlong) {
  const std::string model = build_dir() + "/tests/host-death-" + std::to_string(::getpid());
  std::filesystem::create_directories(model);
  const std::string command =
      "echo $$ && exec " + build_dir() + "/tests/brief_host " + build_dir() + " " + model;
  FILE* host = ::popen(("exec 2>/dev/null; " + command).c_str(), "r");
  ASSERT_NE(host, nullptr);
  int host_pid = 0;
  int worker = 0;
  ASSERT_EQ(std::fscanf(host, "%d %d", &host_pid, &worker), 2);
  const std::vector<int> children = children_of(host_pid);
  EXPECT_EQ(children.size(), 2u);  // the template and the worker
  EXPECT_NE(std::ranges::find(children, worker), children.end());
  std::vector<int> watches;
  for (const int pid : children) {
    watches.push_back(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  }
  ::kill(host_pid, SIGKILL);
  for (const int watch : watches) {
    pollfd ended{watch, POLLIN, 0};
    EXPECT_EQ(::poll(&ended, 1, 60'000), 1) << "a process outlives the host";
    ::close(watch);
  }
  ::pclose(host);
  std::filesystem::remove_all(model);
}

#ifndef TENON_SANITIZED
TEST(WorkerTest, LinksLibcAndTheSharedRuntimeOnly) {
  FILE* readelf = ::popen(("readelf -d " + build_dir() + "/bin/tenon-worker").c_str(), "r");
  ASSERT_NE(readelf, nullptr);
  std::string text;
  for (int c = 0; (c = std::fgetc(readelf)) != EOF;) text += static_cast<char>(c);
  ::pclose(readelf);
  std::set<std::string> needed;
  for (std::size_t at = 0; (at = text.find("Shared library: [", at)) != std::string::npos;) {
    at += 17;
    needed.insert(text.substr(at, text.find(']', at) - at));
  }
  const std::set<std::string> allowed{"libstdc++.so.6", "libm.so.6", "libgcc_s.so.1", "libc.so.6",
                                      "ld-linux-x86-64.so.2"};
  EXPECT_TRUE(needed.contains("libstdc++.so.6"));
  for (const std::string& library : needed) EXPECT_TRUE(allowed.contains(library)) << library;
}
#endif

}  // namespace
