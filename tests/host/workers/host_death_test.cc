// Nothing outlives the host, and the worker stays small in what it links.
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

#include "host/workers/memory_group.h"
#include "tests/host/workers/processes.h"

namespace {

using tenon::workers::children_of;

std::string build_dir() {
  const char* dir = std::getenv("TENON_BUILD_DIR");
  return dir == nullptr ? "." : dir;
}

std::string text_of(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// The memory groups that a host's folders name, by its process id.
std::vector<std::filesystem::path> groups_of(int host) {
  std::vector<std::filesystem::path> out;
  const auto place = tenon::workers::find_group_place(text_of("/proc/self/mountinfo"),
                                                      text_of("/proc/self/cgroup"));
  std::error_code ignored;
  if (!place) return out;
  for (const auto& entry : std::filesystem::directory_iterator(place->folder, ignored)) {
    if (entry.path().filename().string().starts_with("tenon-" + std::to_string(host) + "-")) {
      out.push_back(entry.path());
    }
  }
  return out;
}

// A host with a limited worker that is killed; its process id.
int run_and_kill(const std::string& model, bool groups_offered) {
  FILE* host = ::popen(("exec 2>/dev/null; echo $$ && exec " + build_dir() + "/tests/brief_host " +
                        build_dir() + " " + model + " 268435456")
                           .c_str(),
                       "r");
  int host_pid = 0;
  int worker = 0;
  EXPECT_EQ(std::fscanf(host, "%d %d", &host_pid, &worker), 2);
  EXPECT_NE(worker, 0);
  std::vector<int> watches;
  for (const int pid : children_of(host_pid)) {
    watches.push_back(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  }
  EXPECT_EQ(groups_of(host_pid).empty(), !groups_offered);
  ::kill(host_pid, SIGKILL);
  ::pclose(host);
  for (const int watch : watches) {
    pollfd ended{watch, POLLIN, 0};
    EXPECT_EQ(::poll(&ended, 1, 60'000), 1) << "a process outlives the host";
    ::close(watch);
  }
  return host_pid;
}

TEST(HostDeathTest, TheNextHostRemovesItsMemoryGroups) {
  const std::string model = build_dir() + "/tests/host-death-groups-" + std::to_string(::getpid());
  std::filesystem::create_directories(model);
  boost::asio::io_context control;
  const auto offered = std::make_shared<tenon::workers::MemoryGroups>(control)->part();
  const int first = run_and_kill(model, offered.has_value());
  const int second = run_and_kill(model, offered.has_value());
  EXPECT_TRUE(groups_of(first).empty());
  std::make_shared<tenon::workers::MemoryGroups>(control)->close();
  EXPECT_TRUE(groups_of(second).empty());
  if (!offered) EXPECT_NE(offered.error().message.find("RLIMIT_DATA"), std::string::npos);
  std::filesystem::remove_all(model);
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
