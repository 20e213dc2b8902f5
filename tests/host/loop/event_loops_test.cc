#include "host/loop/event_loops.h"

#include <gtest/gtest.h>

#include <boost/asio/post.hpp>
#include <future>
#include <set>
#include <thread>

namespace tenon {
namespace {

std::thread::id thread_of(boost::asio::io_context& context) {
  std::promise<std::thread::id> id;
  boost::asio::post(context, [&] { id.set_value(std::this_thread::get_id()); });
  return id.get_future().get();
}

TEST(EventLoops, EachLoopHasAThreadOfItsOwn) {
  EventLoops loops(3);
  ASSERT_EQ(loops.size(), 3u);
  loops.start();
  std::set<std::thread::id> threads = {std::this_thread::get_id(), thread_of(loops.control())};
  for (unsigned i = 0; i < 3; ++i) {
    threads.insert(thread_of(loops.loop(i)));
    EXPECT_EQ(thread_of(loops.loop(i)), thread_of(loops.loop(i)));
  }
  EXPECT_EQ(threads.size(), 5u);
}

TEST(EventLoops, AtLeastOneLoop) {
  EXPECT_EQ(EventLoops(0).size(), 1u);
}

TEST(EventLoops, WorkPostedBeforeTheStartRuns) {
  EventLoops loops(1);
  std::promise<void> ran;
  boost::asio::post(loops.loop(0), [&] { ran.set_value(); });
  loops.start();
  ran.get_future().wait();
}

TEST(EventLoops, ALoopMayStopThemAll) {
  EventLoops loops(2);
  boost::asio::post(loops.loop(1), [&] { loops.stop(); });
  loops.start();
  loops.join();
}

TEST(EventLoops, MayBeJoinedTwiceOrNeverStarted) {
  EventLoops never(2);
  never.join();
  EventLoops loops(2);
  loops.start();
  loops.stop();
  loops.join();
  loops.join();
}

}  // namespace
}  // namespace tenon
