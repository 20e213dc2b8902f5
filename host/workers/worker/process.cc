#include "host/workers/worker/process.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "host/workers/codes.h"
#include "host/workers/lease_view.h"
#include "host/workers/sandbox.h"
#include "host/workers/worker/lineage.h"
#include "host/workers/worker/replica_run.h"

namespace tenon::worker {
namespace msg = workers::message;

Process::Process(Channel channel, pid_t host)
    : channel_(std::move(channel)),
      host_(host),
      outlet_(channel_),
      table_(outlet_),
      threads_(::open("/proc/self/task", O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {}

int Process::run() {
  Packet packet;
  while (channel_.receive(packet, true) == Channel::Received::kPacket) {
    if (serve_packet(packet)) return 0;
  }
  return 0;
}

bool Process::serve_packet(Packet& packet) {
  const auto message = msg::decode_to_process(packet.bytes);
  if (!message) return true;
  if (const auto* open_this = std::get_if<msg::Open>(&*message)) return !open(*open_this, packet);
  if (!plugin_) return true;
  if (std::holds_alternative<msg::Fork>(*message)) {
    fork(packet);
    return false;
  }
  if (const auto* ask = std::get_if<msg::AskEstimate>(&*message)) estimate(*ask);
  if (const auto* ask = std::get_if<msg::AskProbe>(&*message)) probe(*ask);
  if (const auto* begin = std::get_if<msg::Start>(&*message)) start(*begin, packet);
  return true;
}

bool Process::fail_start(const Error& error, const char* stage) {
  outlet_.send(msg::Failed{error, stage}, true);
  return false;
}

bool Process::open(const msg::Open& open_this, Packet& packet) {
  open_ = open_this;
  outlet_.keep_logs_from(open_.log_level);
  ::clearenv();
  if (!packet.fds.empty() && ::fchdir(packet.fds[0].get()) != 0) {
    return fail_start({Code::kInternal, std::string("fchdir: ") + std::strerror(errno)}, "open");
  }
  packet.fds.clear();
  workers::SandboxReport report;
  if (open_.sandbox)
    report =
        workers::confine_process({open_.readable, open_.sockets, open_.exec, open_.devices, false});
  auto plugin = Plugin::open(open_.library, open_.identity, table_.api());
  if (!plugin) return fail_start(plugin.error(), "open");
  plugin_ = std::move(*plugin);
  outlet_.send(msg::Opened{plugin_->api.features, report.in_force, report.missing}, true);
  return true;
}

void Process::fork(Packet& packet) {
  if (packet.fds.size() != 1) return;
  Channel channel(std::move(packet.fds[0]));
  struct stat tasks{};
  ::fstat(threads_.get(), &tasks);
  if (tasks.st_nlink != 3) {  // itself, its parent, and one thread
    outlet_.send(msg::Forked{0, "the plugin runs " + std::to_string(tasks.st_nlink - 2) +
                                    " threads before load, though it says that it is fork-safe"},
                 true);
    return;
  }
  const pid_t made = fork_for(host_);
  if (made == 0) {
    become(std::move(channel));
  } else {
    outlet_.send(msg::Forked{std::max(made, 0), made < 0 ? "fork failed" : ""}, true);
  }
}

void Process::become(Channel channel) {
  channel_ = std::move(channel);
  threads_.reset();
  outlet_.send(msg::Hello{}, true);
}

void Process::estimate(const msg::AskEstimate& ask) {
  const ModelSource model(ask.model);
  tenon_estimate estimate{};
  estimate.struct_size = sizeof estimate;
  tenon_error error = workers::empty_error();
  const tenon_code code = plugin_->api.estimate(plugin_->runtime, &model.source, &estimate, &error);
  if (code != TENON_OK) {
    fail_start(workers::to_error(code, error), "estimate");
  } else {
    outlet_.send(msg::Estimated{{estimate.host_bytes, estimate.mapped_bytes, estimate.device_bytes,
                                 estimate.threads}},
                 true);
  }
}

void Process::probe(const msg::AskProbe& ask) {
  const ModelSource model(ask.model);
  tenon_probe probe{};
  probe.struct_size = sizeof probe;
  tenon_error error = workers::empty_error();
  const tenon_code code = plugin_->api.probe(plugin_->runtime, &model.source, &probe, &error);
  if (code != TENON_OK) {
    fail_start(workers::to_error(code, error), "probe");
  } else {
    const auto size = std::min<std::size_t>(probe.reason_size, sizeof probe.reason);
    outlet_.send(msg::Probed{probe.score, std::string(probe.reason, size)}, true);
  }
}

// While there is one thread: all later ones inherit it.
bool Process::bind(const CpuList& cpus) {
  if (cpus.empty()) return false;
  const std::size_t most = cpus.back() + 1;
  const std::size_t size = CPU_ALLOC_SIZE(most);
  cpu_set_t* set = CPU_ALLOC(most);
  if (set == nullptr) return false;
  CPU_ZERO_S(size, set);
  for (const unsigned cpu : cpus) CPU_SET_S(cpu, size, set);
  const bool done = ::sched_setaffinity(0, size, set) == 0;
  const std::string why = std::strerror(errno);
  CPU_FREE(set);
  if (!done) outlet_.log(TENON_LOG_WARN, "not bound to CPUs " + to_text(cpus) + ": " + why, 0);
  return done;
}

void Process::start(const msg::Start& begin, Packet& packet) {
  if (packet.fds.size() != 3 + begin.layout.loops) return;
  auto region = workers::SharedRegion::map(std::move(packet.fds[0]), begin.layout);
  if (!region) {
    fail_start(region.error(), "start");
    return;
  }
  region->close_fd();
  auto cache =
      std::make_unique<RemoteCache>(std::move(packet.fds[1]), Channel(std::move(packet.fds[2])));
  std::vector<Descriptor> bells;
  for (std::uint32_t i = 0; i < begin.layout.loops; ++i) {
    bells.push_back(std::move(packet.fds[3 + i]));
  }
  outlet_.attach(*region, begin.layout.loops, std::move(bells), std::move(cache));
  const bool bound = bind(begin.lease.cpus);
  if (open_.sandbox) {
    workers::confine_replica(
        {begin.readable, open_.sockets, open_.exec, workers::device_files(begin.lease), bound},
        begin.lease.memory_bytes);
  }
  for (const auto& [name, value] : begin.environment) ::setenv(name.c_str(), value.c_str(), 1);
  // Over the deployment's own: a worker sees its devices and no other, none without any.
  ::setenv("CUDA_VISIBLE_DEVICES", workers::visible_devices(begin.lease).c_str(), 1);
  table_.attach(region->state(), begin.environment);
  // Straight out: nothing of the plugin runs after destroy().
  ::_exit(run_replica(*plugin_, table_, outlet_, channel_, *region, begin));
}

}  // namespace tenon::worker
