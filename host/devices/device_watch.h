#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "host/devices/gpus.h"
#include "host/devices/helper_process.h"
#include "host/domain/deployment.h"

namespace tenon::devices {

struct WatchOptions {
  std::string helper;                    // path of tenon-devices
  std::vector<std::string> environment;  // its own, "NAME=VALUE"
  std::string root;                      // of /sys and /proc; empty: this machine's
  std::vector<FlavorRule> rules;
  milliseconds deadline{5'000};  // of one answer
  milliseconds at_rest{60'000};  // between questions while no replica holds a device …
  milliseconds in_use{5'000};    // … and while one does
  milliseconds first_retry{1'000};
  milliseconds longest_retry{60'000};
};

// Keeps the inventory of NVIDIA devices, asked of the driver in a process of its own: a driver that
// hangs holds nobody here. On a machine without devices there is neither process nor timer after
// the first answer. [control]
class DeviceWatch : public std::enable_shared_from_this<DeviceWatch> {
 public:
  // Called with each answer, also with one that is not there in time.
  using Told = std::function<void(const Gpus&)>;

  DeviceWatch(boost::asio::io_context&, WatchOptions, Told);

  // Asks now, unless an answer is awaited. The first call starts it all.
  void refresh();
  void set_in_use(bool);
  // Nothing is told any more; the process ends.
  void stop();

  const Gpus& gpus() const { return gpus_; }

 private:
  void ask();
  void answered(const Result<std::string>& text);
  void take(const Report&);
  void failed(const std::string& reason);
  void end_process();
  void ask_after(milliseconds);
  void tell();

  boost::asio::io_context& context_;
  const WatchOptions options_;
  Told told_;
  boost::asio::steady_timer deadline_;
  boost::asio::steady_timer next_;
  Gpus gpus_;
  std::shared_ptr<HelperProcess> process_;
  bool asking_ = false;
  bool ending_ = false;  // a killed process is not gone yet
  bool wanted_ = false;  // asked for when it could not be
  bool in_use_ = false;
  bool stopped_ = false;
  unsigned failures_ = 0;  // in a row
};

// The environment of this process, for the helper's.
std::vector<std::string> own_environment();

}  // namespace tenon::devices
