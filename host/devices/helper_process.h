#pragma once

#include <sys/types.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "host/domain/error.h"

namespace tenon::devices {

// A running `tenon-devices`: asked for one report after the other. [control]
class HelperProcess : public std::enable_shared_from_this<HelperProcess> {
 public:
  using Answered = std::function<void(Result<std::string>)>;

  // environment: "NAME=VALUE".
  static Result<std::shared_ptr<HelperProcess>> start(boost::asio::io_context&,
                                                      const std::string& program,
                                                      std::vector<std::string> environment);

  // The text of a report, or how the process came to say none. One question at a time.
  void ask(Answered);
  // No more answers. `gone` comes when the process has ended: never, while the kernel holds it.
  void end(std::function<void()> gone);

 private:
  HelperProcess(boost::asio::io_context&, int socket, pid_t);
  void read();
  void watch();
  void answer(Result<std::string>);

  boost::asio::local::stream_protocol::socket socket_;
  boost::asio::posix::stream_descriptor pidfd_;
  pid_t pid_;
  bool ended_ = false;
  char buffer_[16 * 1024];
  std::string text_;
  Answered answered_;
  std::function<void()> gone_;
};

}  // namespace tenon::devices
