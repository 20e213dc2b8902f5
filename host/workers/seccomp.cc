#include "host/workers/seccomp.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <initializer_list>
#include <string>
#include <vector>

namespace tenon::workers {
namespace {

#if defined(__x86_64__)
constexpr std::uint32_t kArchitecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr std::uint32_t kArchitecture = AUDIT_ARCH_AARCH64;
#else
#error "name this architecture's audit constant"
#endif

constexpr std::uint32_t kEperm = SECCOMP_RET_ERRNO | EPERM;
constexpr std::uint32_t kEnosys = SECCOMP_RET_ERRNO | ENOSYS;
constexpr std::uint32_t kNewNamespaces = 0x7e02'0000 | 0x80;  // CLONE_NEW… of every kind

// What no plugin needs, whatever it was granted.
constexpr std::array kNever = {SYS_io_uring_setup,
                               SYS_io_uring_enter,
                               SYS_io_uring_register,
                               SYS_ptrace,
                               SYS_process_vm_readv,
                               SYS_process_vm_writev,
                               SYS_process_madvise,
                               SYS_kcmp,
                               SYS_pidfd_getfd,
                               SYS_pidfd_send_signal,
                               SYS_unshare,
                               SYS_setns,
                               SYS_mount,
                               SYS_umount2,
                               SYS_pivot_root,
                               SYS_chroot,
                               SYS_fsopen,
                               SYS_fsconfig,
                               SYS_fsmount,
                               SYS_fspick,
                               SYS_move_mount,
                               SYS_open_tree,
                               SYS_mount_setattr,
                               SYS_bpf,
                               SYS_userfaultfd,
                               SYS_perf_event_open,
                               SYS_fchmod,
                               SYS_fchmodat,
                               SYS_fchown,
                               SYS_fchownat,
                               SYS_name_to_handle_at,
                               SYS_open_by_handle_at,
                               SYS_add_key,
                               SYS_request_key,
                               SYS_keyctl,
                               SYS_init_module,
                               SYS_finit_module,
                               SYS_delete_module,
                               SYS_kexec_load,
                               SYS_reboot,
                               SYS_swapon,
                               SYS_swapoff,
                               SYS_acct,
                               SYS_quotactl,
                               SYS_syslog,
                               SYS_settimeofday,
                               SYS_clock_settime,
                               SYS_adjtimex,
                               SYS_clock_adjtime,
                               SYS_sethostname,
                               SYS_setdomainname,
                               SYS_personality,
                               SYS_tkill,
                               SYS_rt_sigqueueinfo,
                               SYS_rt_tgsigqueueinfo,
                               SYS_vhangup,
                               SYS_fanotify_init,
                               SYS_lookup_dcookie,
#if defined(__x86_64__)
                               SYS_chmod,
                               SYS_chown,
                               SYS_lchown,
                               SYS_iopl,
                               SYS_ioperm,
                               SYS_modify_ldt,
                               SYS_uselib,
                               SYS_kexec_file_load,
#endif
                               452 /* fchmodat2 */};

class Program {
 public:
  Program() {
    load(offsetof(seccomp_data, arch));
    add(BPF_JMP | BPF_JEQ | BPF_K, kArchitecture, 1, 0);
    add(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
    load(offsetof(seccomp_data, nr));
#if defined(__x86_64__)
    add(BPF_JMP | BPF_JGE | BPF_K, 0x4000'0000, 0, 1);  // the x32 numbers
    add(BPF_RET | BPF_K, kEnosys);
#endif
  }

  void deny(long call, std::uint32_t answer = kEperm) {
    add(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(call), 0, 1);
    add(BPF_RET | BPF_K, answer);
  }
  void deny(std::initializer_list<long> calls) {
    for (const long call : calls) deny(call);
  }
  // Unless the argument is one of the two values.
  void only(long call, unsigned argument, std::uint32_t a, std::uint32_t b) {
    add(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(call), 0, 5);
    load_argument(argument);
    add(BPF_JMP | BPF_JEQ | BPF_K, a, 2, 0);
    add(BPF_JMP | BPF_JEQ | BPF_K, b, 1, 0);
    add(BPF_RET | BPF_K, kEperm);
    add(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  }
  // When the argument is this value.
  void never(long call, unsigned argument, std::initializer_list<std::uint32_t> values) {
    const auto n = static_cast<std::uint8_t>(values.size());
    add(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(call), 0,
        static_cast<std::uint8_t>(n + 3));
    load_argument(argument);
    std::uint8_t left = n;
    for (const auto value : values) add(BPF_JMP | BPF_JEQ | BPF_K, value, left--, 0);
    add(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    add(BPF_RET | BPF_K, kEperm);
  }
  // Unless all of `wanted` and none of `unwanted` are set in the argument.
  void flags(long call, unsigned argument, std::uint32_t wanted, std::uint32_t unwanted) {
    add(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(call), 0, 5);
    load_argument(argument);
    add(BPF_JMP | BPF_JSET | BPF_K, unwanted, 2, 0);
    if (wanted != 0) {
      add(BPF_JMP | BPF_JSET | BPF_K, wanted, 0, 1);
    } else {
      add(BPF_JMP | BPF_JA | BPF_K, 0);
    }
    add(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    add(BPF_RET | BPF_K, kEperm);
  }

  Result<void> install() {
    add(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    const sock_fprog program{static_cast<unsigned short>(code_.size()), code_.data()};
    if (::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program) != 0) {
      return fail(Code::kUnavailable, std::string("seccomp: ") + std::strerror(errno) +
                                          "; workers may use every system call");
    }
    return {};
  }

 private:
  void add(int code, std::uint32_t k, std::uint8_t yes = 0, std::uint8_t no = 0) {
    code_.push_back({static_cast<std::uint16_t>(code), yes, no, k});
  }
  void load(std::size_t offset) {
    add(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(offset));
  }
  // The low half: flags and process ids have no other.
  void load_argument(unsigned argument) {
    load(offsetof(seccomp_data, args) + argument * sizeof(std::uint64_t));
  }

  std::vector<sock_filter> code_;
};

}  // namespace

Result<void> confine_syscalls(const SyscallRules& rules) {
  Program program;
  program.deny(SYS_clone3, kEnosys);
  if (rules.fork || rules.exec) {
    program.flags(SYS_clone, 0, 0, kNewNamespaces);
  } else {
    program.flags(SYS_clone, 0, CLONE_THREAD, kNewNamespaces);
#if defined(__x86_64__)
    program.deny({SYS_fork, SYS_vfork});
#endif
  }
  for (const int call : kNever) program.deny(call);
  if (!rules.exec) program.deny({SYS_execve, SYS_execveat});
  if (!rules.sockets) program.deny({SYS_socket, SYS_socketpair});
  if (rules.bound) program.deny(SYS_sched_setaffinity);
  for (const long call :
       {SYS_sched_setaffinity, SYS_sched_setscheduler, SYS_sched_setparam, SYS_sched_setattr}) {
    program.only(call, 0, 0, 0);
  }
  program.only(SYS_setpriority, 1, 0, 0);
  program.only(SYS_ioprio_set, 1, 0, 0);
  if (rules.only_pid != 0) {
    const auto pid = static_cast<std::uint32_t>(rules.only_pid);
    program.only(SYS_kill, 0, pid, pid);
    program.only(SYS_tgkill, 0, pid, pid);
    program.only(SYS_prlimit64, 0, 0, pid);
    program.never(SYS_prctl, 0, {PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_PTRACER});
  }
  return program.install();
}

}  // namespace tenon::workers
