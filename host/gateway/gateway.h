#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "host/access/access.h"
#include "host/control/control.h"
#include "host/domain/host_spec.h"
#include "host/lifecycle/dispatcher.h"
#include "host/loop/event_loops.h"
#include "host/telemetry/metrics.h"

namespace tenon::gateway {

// The host's HTTP side: listens, reads requests, hands them to the dispatcher and streams the
// answers. Each connection lives on one event loop; connections go round the loops in turn.
//
//   Gateway gateway(loops, dispatcher, control, access, metrics, spec);
//   if (auto bound = gateway.listen(); !bound) …
//   loops.start();
//   …
//   gateway.drain([&] { loops.stop(); });
class Gateway {
 public:
  // All references outlive the gateway.
  Gateway(EventLoops&, lifecycle::Dispatcher&, control::Control&, const access::Access&,
          telemetry::Metrics&, const HostSpec&);
  // The loops must not run any more.
  ~Gateway();
  Gateway(const Gateway&) = delete;
  Gateway& operator=(const Gateway&) = delete;

  // Binds every address of the spec and accepts from then on. The error names the address; nothing
  // is bound after one. Call it once.
  Result<void> listen();
  // As bound: port 0 of the spec is a real one here. Those of `listen`, then of `controlListen`.
  const std::vector<ListenAddress>& addresses() const;

  // [any] New connections get the certificate that its files hold now; the log tells of bad ones.
  void reload_tls();

  // [any] Stops accepting, closes idle connections and lets requests finish, at most for the limit
  // `drain`; then ends what is left and calls done, once, on the control loop.
  void drain(std::move_only_function<void()> done);
  // [any] Ends every connection at once; a drain() under way is done with it.
  void stop();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tenon::gateway
