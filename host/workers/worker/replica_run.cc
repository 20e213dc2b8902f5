#include "host/workers/worker/replica_run.h"

#include <ctime>

#include "host/workers/codes.h"
#include "host/workers/lease_view.h"

namespace tenon::worker {
namespace {

namespace msg = workers::message;

std::uint64_t now_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 +
         static_cast<std::uint64_t>(now.tv_nsec);
}

msg::Pong ask_health(const Plugin& plugin, tenon_instance* instance) {
  if (plugin.api.health == nullptr) return {};
  tenon_error error = workers::empty_error();
  const tenon_code code = plugin.api.health(instance, &error);
  if (code == TENON_OK) return {};
  return {static_cast<std::uint32_t>(code), workers::to_error(code, error).message};
}

int failed(RingOutlet& outlet, tenon_code code, const tenon_error& error, const char* stage) {
  outlet.send(msg::Failed{workers::to_error(code, error), stage}, true);
  return 1;
}

// Until stop (the deadline) or the host's end (nothing).
std::optional<std::uint64_t> control(const Plugin& plugin, tenon_instance* instance,
                                     RingOutlet& outlet, const Channel& channel) {
  workers::Packet packet;
  for (;;) {
    if (channel.receive(packet, true) != Channel::Received::kPacket) return std::nullopt;
    const auto message = msg::decode_to_process(packet.bytes);
    if (!message) continue;
    if (std::holds_alternative<msg::Ping>(*message)) outlet.send(ask_health(plugin, instance));
    if (const auto* stop = std::get_if<msg::Stop>(&*message)) return stop->deadline_ns;
  }
}

}  // namespace

ModelSource::ModelSource(const msg::Model& model) {
  for (const auto& [name, value] : model.options) {
    options.push_back({workers::to_str(name), workers::to_str(value)});
  }
  source.struct_size = sizeof source;
  source.path = workers::to_str(model.path);
  source.name = workers::to_str(model.name);
  source.options = options.data();
  source.n_options = static_cast<std::uint32_t>(options.size());
}

int run_replica(Plugin& plugin, workers::HostTable& table, RingOutlet& outlet,
                const Channel& channel, workers::SharedRegion& region, const msg::Start& start) {
  const std::uint64_t began = now_ns();
  const ModelSource model(start.model);
  tenon_error error = workers::empty_error();
  tenon_prepared* prepared = nullptr;
  tenon_code code = plugin.api.prepare(plugin.runtime, &model.source, &prepared, &error);
  if (code != TENON_OK) return failed(outlet, code, error, "prepare");
  const std::uint64_t ready_to_load = now_ns();

  const workers::LeaseView lease(start.lease);
  tenon_instance* instance = nullptr;
  error = workers::empty_error();
  const auto* cancel = reinterpret_cast<const std::uint32_t*>(&region.state().cancel_load);
  code = plugin.api.load(plugin.runtime, prepared, &lease.table(), cancel, &instance, &error);
  if (code == TENON_OK && instance == nullptr) code = TENON_INTERNAL;
  if (code != TENON_OK) return failed(outlet, code, error, "load");

  workers::Feeder feeder(table, plugin.api, instance);
  Reader reader(region.requests(), feeder, outlet, start.spin_ns);
  outlet.wake(region.requests().header);
  reader.start();
  outlet.send(msg::Ready{ready_to_load - began, now_ns() - ready_to_load}, true);

  const auto deadline = control(plugin, instance, outlet, channel);
  if (!deadline) return 1;
  if (plugin.api.drain != nullptr) plugin.api.drain(instance, *deadline);
  reader.stop();
  plugin.api.unload(instance);
  plugin.api.release(plugin.runtime, prepared);
  plugin.api.destroy(plugin.runtime);
  return 0;
}

}  // namespace tenon::worker
