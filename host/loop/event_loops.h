#pragma once

#include <boost/asio/io_context.hpp>
#include <memory>
#include <thread>
#include <vector>

namespace tenon {

// The host's threads: N event loops that serve connections, and one control loop that starts,
// watches and ends processes. The control thread lives as long as the host (a parent-death signal
// follows the thread that forked). Objects of a loop are touched on that loop only, unless they say
// otherwise.
class EventLoops {
 public:
  explicit EventLoops(unsigned loops);
  ~EventLoops();  // stops and joins

  unsigned size() const { return static_cast<unsigned>(loops_.size()); }
  boost::asio::io_context& loop(unsigned index) { return *loops_[index]; }
  boost::asio::io_context& control() { return control_; }

  void start();
  void stop();  // [any] lets run() return; join() waits for it
  void join();

 private:
  std::vector<std::unique_ptr<boost::asio::io_context>> loops_;
  boost::asio::io_context control_{1};
  std::vector<std::thread> threads_;
};

}  // namespace tenon
