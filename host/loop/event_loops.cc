#include "host/loop/event_loops.h"

#include <pthread.h>

#include <algorithm>
#include <boost/asio/executor_work_guard.hpp>
#include <string>

namespace tenon {
namespace {

// Until stop(), also while there is nothing to do.
void run(boost::asio::io_context& context, const std::string& name) {
  pthread_setname_np(pthread_self(), name.c_str());
  const auto work = boost::asio::make_work_guard(context);
  context.run();
}

}  // namespace

EventLoops::EventLoops(unsigned loops) {
  // One thread each: asio leaves out the locks that several would need.
  for (unsigned i = 0; i < std::max(loops, 1U); ++i) {
    loops_.push_back(std::make_unique<boost::asio::io_context>(1));
  }
}

EventLoops::~EventLoops() {
  stop();
  join();
}

void EventLoops::start() {
  threads_.emplace_back([this] { run(control_, "control"); });
  for (unsigned i = 0; i < size(); ++i) {
    threads_.emplace_back([this, i] { run(*loops_[i], "loop-" + std::to_string(i)); });
  }
}

void EventLoops::stop() {
  for (auto& loop : loops_) loop->stop();
  control_.stop();
}

void EventLoops::join() {
  for (auto& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
  threads_.clear();
}

}  // namespace tenon
