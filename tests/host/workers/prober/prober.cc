// Tries what a worker must not do: the path names the attempt, the answer is the errno it met (0:
// it worked). /cache… goes through the cache extension instead.
#include <fcntl.h>
#include <linux/sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <string>
#include <thread>

#include "tenon/plugin.hpp"

namespace {

using tenon::sdk::Load;
using tenon::sdk::Model;
using tenon::sdk::Reply;
using tenon::sdk::Request;
using tenon::sdk::Result;

int outcome(long result) {
  return result < 0 ? errno : 0;
}

int open_and_close(const std::string& path, int flags) {
  const int fd = ::open(path.c_str(), flags, 0600);
  const int error = outcome(fd);
  if (fd >= 0) ::close(fd);
  return error;
}

int try_fork() {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(0);
  if (child > 0) ::waitpid(child, nullptr, 0);
  return outcome(child);
}

int try_thread() {
  int value = 1;
  std::thread([&] { value = 0; }).join();
  return value;
}

// The argument is the request's body.
const std::map<std::string, std::function<int(const std::string&)>> kAttempts = {
    {"/socket", [](auto&) { return outcome(::socket(AF_INET, SOCK_STREAM, 0)); }},
    {"/unix-socket", [](auto&) { return outcome(::socket(AF_UNIX, SOCK_STREAM, 0)); }},
    {"/exec", [](auto&) { return outcome(::execl("/bin/true", "true", nullptr)); }},
    {"/fork", [](auto&) { return try_fork(); }},
    {"/vfork",
     [](auto&) { return outcome(::syscall(SYS_clone, CLONE_VFORK | SIGCHLD, 0, 0, 0, 0)); }},
    {"/clone3", [](auto&) { return outcome(::syscall(SYS_clone3, nullptr, 0)); }},
    {"/io_uring", [](auto&) { return outcome(::syscall(SYS_io_uring_setup, 1, nullptr)); }},
    {"/ptrace", [](auto&) { return outcome(::syscall(SYS_ptrace, 0, 0, 0, 0)); }},
    {"/bpf", [](auto&) { return outcome(::syscall(SYS_bpf, 0, nullptr, 0)); }},
    {"/unshare", [](auto&) { return outcome(::unshare(CLONE_NEWUSER)); }},
    {"/userfaultfd", [](auto&) { return outcome(::syscall(SYS_userfaultfd, 0)); }},
    {"/chmod", [](auto& path) { return outcome(::chmod(path.c_str(), 0777)); }},
    {"/kill-parent", [](auto&) { return outcome(::kill(::getppid(), 0)); }},
    {"/kill-self", [](auto&) { return outcome(::kill(::getpid(), 0)); }},
    {"/prlimit-parent",
     [](auto&) {
       rlimit limit{};
       return outcome(::prlimit(::getppid(), RLIMIT_NOFILE, nullptr, &limit));
     }},
    {"/affinity-parent",
     [](auto&) {
       unsigned long mask = 1;
       return outcome(::syscall(SYS_sched_setaffinity, ::getppid(), sizeof mask, &mask));
     }},
    {"/affinity-own",
     [](auto&) {
       unsigned long mask = ~0UL;
       return outcome(::syscall(SYS_sched_setaffinity, 0, sizeof mask, &mask));
     }},
    {"/outlive", [](auto&) { return outcome(::prctl(PR_SET_PDEATHSIG, 0)); }},
    {"/read", [](auto& path) { return open_and_close(path, O_RDONLY); }},
    {"/write", [](auto& path) { return open_and_close(path, O_WRONLY | O_CREAT); }},
    {"/create-here", [](auto&) { return open_and_close("here", O_WRONLY | O_CREAT); }},
    {"/thread", [](auto&) { return try_thread(); }},
    {"/environment", [](auto& name) { return ::getenv(name.c_str()) == nullptr ? ENOENT : 0; }},
    {"/allocate",
     [](auto& bytes) {
       void* at = ::mmap(nullptr, std::stoull(bytes), PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
       return at == MAP_FAILED ? errno : 0;
     }},
    {"/eat",
     [](auto& bytes) {
       const std::size_t size = std::stoull(bytes);
       void* at = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
       if (at == MAP_FAILED) return errno;
       std::memset(at, 1, size);
       ::munmap(at, size);
       return 0;
     }},
};

class ProberInstance {
 public:
  ProberInstance(tenon::sdk::Host host, tenon::sdk::Lease lease)
      : host_(host), lease_(std::move(lease)) {}

  void handle(Request request, Reply reply) {
    const std::string path(request.path());
    const std::string body(request.body());
    if (path == "/cache-put") return reply.send(200, {}, put(body));
    if (path == "/cache-get") return reply.send(200, {}, get());
    if (path == "/lease") return reply.send(200, {}, told());
    if (path == "/sees") return reply.send(200, {}, seen());
    if (path == "/take") {  // so many bytes of its first device, it says
      host_.api()->report_memory(host_.api()->host, TENON_MEMORY_CUDA, 0, std::stoull(body));
      return reply.send(200, {}, "");
    }
    const auto attempt = kAttempts.find(path);
    if (attempt == kAttempts.end()) return reply.send(404, {}, "");
    reply.send(200, {}, std::to_string(attempt->second(body)));
  }

 private:
  std::string put(const std::string& text) {
    const auto* api = cache();
    const std::string name = "note-v1";
    std::int32_t fd = -1;
    const tenon_str key{name.data(), name.size()};
    if (const auto code = api->create(host_.api()->host, key, &fd); code != TENON_OK) {
      return "create: " + std::to_string(code);
    }
    const bool written = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
    const auto code = api->publish(host_.api()->host, key, fd);
    ::close(fd);
    return written && code == TENON_OK ? "ok" : "publish: " + std::to_string(code);
  }

  std::string get() {
    const std::string name = "note-v1";
    std::int32_t fd = -1;
    std::uint64_t size = 0;
    if (cache()->open(host_.api()->host, {name.data(), name.size()}, &fd, &size) != TENON_OK) {
      return "nothing";
    }
    std::string text(size, '\0');
    const auto n = ::read(fd, text.data(), text.size());
    ::close(fd);
    return n == static_cast<ssize_t>(size) ? text : "unreadable";
  }

  // What the host says of the lease …
  std::string told() const {
    std::string out = lease_.flavor + " threads=" + std::to_string(lease_.threads) +
                      " memory=" + std::to_string(lease_.memory_bytes) + " cpus=" + lease_.cpus;
    for (const auto& device : lease_.devices) {
      out += " " + std::to_string(device.ordinal) + "=" + device.uuid + "," + device.flavor + "," +
             std::to_string(device.memory_bytes);
    }
    return out;
  }

  // … and what the process sees: the CPUs of a new thread, and CUDA's devices.
  static std::string seen() {
    std::string out = "cpus=";
    std::thread([&] {
      cpu_set_t set;
      if (::sched_getaffinity(0, sizeof set, &set) != 0) return;
      for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
        if (CPU_ISSET(cpu, &set)) out += std::to_string(cpu) + ";";
      }
    }).join();
    const char* devices = ::getenv("CUDA_VISIBLE_DEVICES");
    return out + " devices=" + (devices == nullptr ? "all" : devices);
  }

  const tenon_cache_api* cache() const {
    const std::string_view name = TENON_EXT_CACHE;
    return static_cast<const tenon_cache_api*>(
        host_.api()->get_extension(host_.api()->host, {name.data(), name.size()}));
  }

  tenon::sdk::Host host_;
  tenon::sdk::Lease lease_;
};

class Prober {
 public:
  static constexpr std::string_view kId = "prober", kVersion = "0.1.0";
  static constexpr bool kForkSafe = true;
  struct Prepared {};
  using Instance = ProberInstance;

  explicit Prober(tenon::sdk::Host host) : host_(host) {}
  Result<tenon::sdk::Probe> probe(const Model&) { return tenon::sdk::Probe{1, "for tests"}; }
  Result<tenon::sdk::Estimate> estimate(const Model& model) {
    std::uint64_t device_bytes = 0;
    for (const auto& [name, value] : model.options) {
      if (name == "deviceBytes") device_bytes = std::stoull(value);
    }
    return tenon::sdk::Estimate{1 << 20, 0, device_bytes, 1};
  }
  Result<std::unique_ptr<Prepared>> prepare(const Model&) { return std::make_unique<Prepared>(); }
  Result<std::unique_ptr<ProberInstance>> load(Prepared&, const Load& load) {
    return std::make_unique<ProberInstance>(host_, load.lease);
  }

 private:
  tenon::sdk::Host host_;
};

}  // namespace

TENON_PLUGIN(Prober)
