// The gateway before a dispatcher that echoes at once: what HTTP costs in the host, without
// workers.
//   gateway_echo [LOOPS]        prints the port and serves until killed

#include <cstdio>
#include <cstdlib>
#include <thread>

#include "host/control/control.h"
#include "host/gateway/gateway.h"
#include "host/telemetry/log.h"
#include "tests/host/gateway/fake_dispatcher.h"

int main(int argc, char** argv) {
  using namespace tenon;
  log::configure(LogFormat::kText, LogLevel::kWarn);
  EventLoops loops(argc > 1 ? static_cast<unsigned>(std::atoi(argv[1])) : 2);
  testing::FakeDispatcher dispatcher(loops);
  dispatcher.add("echo", {});
  telemetry::Metrics metrics;
  control::Control control(
      loops, {.metrics = [&] { return metrics.render(); },
              .ready = []() -> std::optional<std::string> { return std::nullopt; },
              .api =
                  [](const control::Request&, const std::shared_ptr<control::Reply>& reply) {
                    reply->refuse(control::refusal(api::kRouteNotFound, "no such path"));
                  }});
  HostSpec spec;
  spec.listen = {{"127.0.0.1", 0}};
  access::Access access({});
  gateway::Gateway gateway(loops, dispatcher, control, access, metrics, spec);
  if (const auto bound = gateway.listen(); !bound) {
    std::fprintf(stderr, "%s\n", bound.error().message.c_str());
    return 1;
  }
  std::printf("%u\n", gateway.addresses().front().port);
  std::fflush(stdout);
  loops.start();
  loops.join();
}
