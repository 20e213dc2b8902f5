#include "host/devices/device_watch.h"

#include <unistd.h>

#include <algorithm>

#include "host/telemetry/log.h"

namespace tenon::devices {
namespace asio = boost::asio;

DeviceWatch::DeviceWatch(asio::io_context& context, WatchOptions options, Told told)
    : context_(context),
      options_(std::move(options)),
      told_(std::move(told)),
      deadline_(context),
      next_(context) {}

void DeviceWatch::refresh() {
  if (asking_ || stopped_) return;
  if (ending_) {
    wanted_ = true;
    return;
  }
  ask();
}

void DeviceWatch::set_in_use(bool in_use) {
  if (std::exchange(in_use_, in_use) != in_use && in_use) refresh();
}

void DeviceWatch::stop() {
  stopped_ = true;
  deadline_.cancel();
  next_.cancel();
  end_process();
}

void DeviceWatch::ask() {
  next_.cancel();
  if (!process_) {
    auto started = HelperProcess::start(context_, options_.helper, options_.environment);
    if (!started) {
      failed(started.error().message);
      return;
    }
    process_ = *started;
  }
  asking_ = true;
  deadline_.expires_after(options_.deadline);
  deadline_.async_wait([weak = weak_from_this()](boost::system::error_code error) {
    const auto self = weak.lock();
    if (error || !self || !self->asking_) return;
    self->failed("the NVIDIA driver does not answer within " +
                 std::to_string(self->options_.deadline.count()) + " ms");
  });
  process_->ask([weak = weak_from_this()](const Result<std::string>& text) {
    if (const auto self = weak.lock()) self->answered(text);
  });
}

void DeviceWatch::answered(const Result<std::string>& text) {
  if (!asking_) return;
  const auto report = text ? parse_report(*text) : Result<Report>(std::unexpected(text.error()));
  if (!report) {
    failed(report.error().message);
    return;
  }
  take(*report);
}

void DeviceWatch::take(const Report& report) {
  asking_ = false;
  deadline_.cancel();
  failures_ = 0;
  Gpus fresh = next_gpus(gpus_, report, options_.rules, options_.root);
  for (const Gpu& gpu : fresh.devices) {
    const auto old = std::ranges::find(gpus_.devices, gpu.uuid, &Gpu::uuid);
    const Health before = old == gpus_.devices.end() ? Health::kOk : old->health;
    if (gpu.health == before) continue;
    log::warn("device health",
              {{"device", gpu.uuid}, {"health", to_string(gpu.health)}, {"reason", gpu.reason}});
  }
  if (!report.problem.empty() && report.problem != gpus_.note) {
    log::warn("no devices", {{"reason", report.problem}});
  } else if (!report.absent.empty()) {
    log::debug("no devices", {{"reason", report.absent}});
  }
  gpus_ = std::move(fresh);
  // A helper without a driver or without a device has nothing more to say.
  if (report.gpus.empty()) end_process();
  if (!gpus_.devices.empty()) ask_after(in_use_ ? options_.in_use : options_.at_rest);
  tell();
}

void DeviceWatch::failed(const std::string& reason) {
  asking_ = false;
  deadline_.cancel();
  log::warn("devices unknown", {{"reason", reason}, {"devices", gpus_.devices.size()}});
  gpus_ = unanswered(std::move(gpus_), reason);
  end_process();
  const auto wait = options_.first_retry * (1U << std::min(failures_++, 16U));
  ask_after(std::min<milliseconds>(wait, options_.longest_retry));
  tell();
}

void DeviceWatch::end_process() {
  if (!process_) return;
  ending_ = true;
  std::exchange(process_, nullptr)->end([weak = weak_from_this()] {
    const auto self = weak.lock();
    if (!self) return;
    self->ending_ = false;
    if (std::exchange(self->wanted_, false)) self->refresh();
  });
}

void DeviceWatch::ask_after(milliseconds wait) {
  if (stopped_) return;
  next_.expires_after(wait);
  next_.async_wait([weak = weak_from_this()](boost::system::error_code error) {
    const auto self = weak.lock();
    if (error || !self) return;
    if (self->ending_) {
      // A second one would hang beside it.
      log::warn("tenon-devices hangs in the kernel and is left; the next starts when it has ended");
    }
    self->refresh();
  });
}

void DeviceWatch::tell() {
  if (!stopped_ && told_) told_(gpus_);
}

std::vector<std::string> own_environment() {
  std::vector<std::string> out;
  for (char** at = environ; *at != nullptr; ++at) out.emplace_back(*at);
  return out;
}

}  // namespace tenon::devices
