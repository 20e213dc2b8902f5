#include "host/workers/sandbox.h"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "host/workers/landlock.h"
#include "host/workers/seccomp.h"

namespace tenon::workers {
namespace {

// What the loader, libc and numeric libraries read wherever they run.
const std::vector<std::string>& library_files() {
  static const std::vector<std::string> files{
      "/lib",
      "/lib64",
      "/usr/lib",
      "/usr/lib64",
      "/usr/local/lib",
      "/etc/ld.so.cache",
      "/etc/localtime",
      "/proc/cpuinfo",
      "/proc/meminfo",
      "/proc/stat",
      "/proc/sys/vm",
      "/proc/sys/kernel/osrelease",
      "/sys/devices/system/cpu",
      "/sys/devices/system/node",
      "/sys/kernel/mm/transparent_hugepage",
      "/dev/zero",
      "/dev/random",
      "/dev/urandom",
#ifdef TENON_SANITIZED  // reads its own maps
      "/proc",
#endif
  };
  return files;
}

LandlockRules file_rules(const SandboxPlan& plan, bool links) {
  LandlockRules rules;
  rules.readable = library_files();
  rules.readable.insert(rules.readable.end(), plan.readable.begin(), plan.readable.end());
  rules.writable = {"/dev/null"};
  if (!plan.devices.empty()) {
    // What the driver's libraries read before they open a device.
    rules.readable.insert(rules.readable.end(), {"/proc/driver/nvidia", "/proc/devices"});
    rules.devices = plan.devices;
    rules.devices.insert(rules.devices.end(),
                         {"/dev/nvidiactl", "/dev/nvidia-uvm", "/dev/nvidia-uvm-tools"});
  }
  rules.links = links;
  rules.sockets = plan.sockets;
  rules.exec = plan.exec;
  return rules;
}

template <class T>
bool note(SandboxReport& report, const Result<T>& done, const char* part) {
  if (done) {
    report.in_force.emplace_back(part);
  } else {
    report.missing.push_back(done.error().message);
  }
  return done.has_value();
}

Result<void> check(long result, const char* what) {
  if (result == 0) return {};
  return fail(Code::kUnavailable, std::string(what) + ": " + std::strerror(errno));
}

Result<void> drop_capabilities() {
  for (int cap = 0; cap < 64; ++cap) ::prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
  ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct none[2]{};
  return check(::syscall(SYS_capset, &header, none), "capabilities");
}

void confine_files_of(SandboxReport& report, const SandboxPlan& plan, bool links) {
  const auto files = confine_files(file_rules(plan, links));
  if (!files) {
    report.missing.push_back(files.error().message);
    return;
  }
  for (const std::string& part : *files) report.in_force.push_back("Landlock " + part);
  for (const char* part : {"TCP ports", "signals"}) {
    const bool wanted = part[0] != 'T' || !plan.sockets;
    if (wanted && std::ranges::find(*files, part) == files->end()) {
      report.missing.push_back(std::string("Landlock: this kernel's version ") +
                               std::to_string(landlock_version()) + " does not cover " + part);
    }
  }
}

}  // namespace

SandboxReport confine_process(const SandboxPlan& plan) {
  SandboxReport report;
  note(report, check(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs"), "no_new_privs");
  note(report, drop_capabilities(), "no capabilities");
  const rlimit none{0, 0};
  ::setrlimit(RLIMIT_CORE, &none);
#ifndef TENON_SANITIZED  // whose leak check looks into the process
  note(report, check(::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0), "dumpable"), "not traceable");
#endif
  confine_files_of(report, plan, false);
  SyscallRules rules;
  rules.sockets = plan.sockets;
  rules.exec = plan.exec;
  rules.fork = true;
  note(report, confine_syscalls(rules), "seccomp");
  return report;
}

SandboxReport confine_replica(const SandboxPlan& plan, std::uint64_t memory_bytes) {
  SandboxReport report;
#ifndef TENON_SANITIZED  // which reserves terabytes
  if (memory_bytes != 0) {
    constexpr std::uint64_t kRoom = 512ULL << 20;
    const rlim_t limit = memory_bytes + memory_bytes / 4 + kRoom;
    const rlimit data{limit, limit};
    note(report, check(::setrlimit(RLIMIT_DATA, &data), "RLIMIT_DATA"), "memory limit");
  }
#else
  static_cast<void>(memory_bytes);
#endif
  confine_files_of(report, plan, true);
  SyscallRules rules;
  rules.sockets = plan.sockets;
  rules.exec = plan.exec;
  rules.only_pid = ::getpid();
  rules.bound = plan.bound;
  note(report, confine_syscalls(rules), "seccomp");
  return report;
}

}  // namespace tenon::workers
