#include "host/cli/ask_gpus.h"

#include <memory>
#include <utility>

#include "host/cli/machine.h"
#include "host/devices/device_watch.h"

namespace tenon::cli {

devices::Gpus ask_gpus(std::vector<FlavorRule> rules) {
  boost::asio::io_context context;
  devices::WatchOptions options;
  options.helper = program_folder() + "/tenon-devices";
  options.environment = devices::own_environment();
  options.rules = std::move(rules);
  devices::Gpus out;
  const auto watch = std::make_shared<devices::DeviceWatch>(context, std::move(options),
                                                            [&](const devices::Gpus& gpus) {
                                                              out = gpus;
                                                              context.stop();
                                                            });
  watch->refresh();
  context.run();
  watch->stop();
  return out;
}

}  // namespace tenon::cli
