#pragma once

#include <sys/types.h>

#include <optional>

#include "host/workers/channel.h"
#include "host/workers/messages.h"
#include "host/workers/worker/plugin.h"
#include "host/workers/worker/ring_outlet.h"

namespace tenon::worker {

// A process that holds one plugin: at first a template, from which the host may have others forked;
// then, told to start, a replica. One thread until then.
class Process {
 public:
  // The channel's other end is the host's, whose process id is `host`.
  Process(Channel channel, pid_t host);

  // Until the host says stop or goes away; the exit status.
  int run();

 private:
  using Packet = workers::Packet;

  // True when this process shall end.
  bool serve_packet(Packet&);
  bool open(const workers::message::Open&, Packet&);
  // In the new process: goes on as that one.
  void fork(Packet&);
  void become(Channel);
  void estimate(const workers::message::AskEstimate&);
  void probe(const workers::message::AskProbe&);
  void start(const workers::message::Start&, Packet&);
  bool bind(const CpuList&);
  bool fail_start(const Error&, const char* stage);

  Channel channel_;
  const pid_t host_;
  RingOutlet outlet_;
  workers::HostTable table_;
  std::optional<Plugin> plugin_;
  workers::message::Open open_;
  Descriptor threads_;  // /proc/self/task of this process
};

}  // namespace tenon::worker
