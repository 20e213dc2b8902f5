#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>

namespace tenon::control {

// Has what was gathered in memory written once a second for as long as there is anything, on a
// thread that may block. At rest nothing happens. It must outlive what it runs.
class Saver {
 public:
  // Does something on a thread that may block.
  using Run = std::function<void(std::function<void()>)>;
  struct Work {
    std::function<bool()> save;  // [a thread that may block] false: it failed and is tried again
    std::function<bool()> more;  // [control] whether there will be something to save
  };

  Saver(boost::asio::io_context& control, Run, Work);

  void soon();  // [control]

 private:
  void save_now();  // [a thread that may block]

  boost::asio::io_context& control_;
  boost::asio::steady_timer timer_;
  const Run run_;
  const Work work_;
  bool awake_ = false;  // [control]
};

}  // namespace tenon::control
