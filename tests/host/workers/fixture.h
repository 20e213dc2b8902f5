#pragma once

#include <gtest/gtest.h>

#include <boost/asio/post.hpp>
#include <condition_variable>
#include <cstdlib>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "host/loop/event_loops.h"
#include "host/workers/launcher.h"

// A launcher over real loops and the built worker, and doubles that remember what they were told.
namespace tenon::workers {

inline std::string build_dir() {
  const char* dir = std::getenv("TENON_BUILD_DIR");
  return dir == nullptr ? "." : dir;
}

// Something that threads set and a test waits for.
template <class T>
class Eventually {
 public:
  void set(T value) {
    const std::lock_guard lock(mutex_);
    value_ = std::move(value);
    changed_.notify_all();
  }
  // Fails the test when nothing comes for a long time.
  T get() {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, std::chrono::seconds(60), [this] { return value_.has_value(); })) {
      ADD_FAILURE() << "nothing came within 60 s";
      return T{};
    }
    return *value_;
  }
  bool is_set() {
    const std::lock_guard lock(mutex_);
    return value_.has_value();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<T> value_;
};

class Observer : public ReplicaObserver {
 public:
  void on_progress(double, std::string_view) override {}
  void on_ready(const StartTimes& times) override { ready.set(times); }
  void on_gone(const Gone& why) override { gone.set(why); }
  void on_room(unsigned) override {
    if (room) room();
  }

  Eventually<StartTimes> ready;
  Eventually<Gone> gone;
  std::function<void()> room;
};

// The whole of an answer.
struct Answer {
  unsigned status = 0;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  Usage usage;
  std::optional<Failure> failure;
  unsigned messages = 0;
};

class Sink : public ResponseSink {
 public:
  void on_response(const ResponseMessage& message) override {
    ++so_far.messages;
    if (message.status != 0) so_far.status = message.status;
    for (const auto& h : message.headers) so_far.headers.emplace_back(h.name, h.value);
    const std::string_view bytes(reinterpret_cast<const char*>(message.body.data()),
                                 message.body.size());
    if (keep_body) so_far.body += bytes;
    if (on_bytes) on_bytes(bytes);
    if (!message.final) return;
    so_far.usage = message.usage;
    if (message.failure != nullptr) so_far.failure = *message.failure;
    EXPECT_FALSE(answer.is_set()) << "a second final message";
    answer.set(so_far);
  }
  void on_consumed(std::uint64_t bytes) override {
    consumed += bytes;
    if (on_upload) on_upload();
  }

  Answer so_far;  // on the loop
  bool keep_body = true;
  std::uint64_t consumed = 0;
  std::function<void(std::string_view)> on_bytes;
  std::function<void()> on_upload;
  Eventually<Answer> answer;
};

struct Call {
  std::string method = "POST";
  std::string path = "/";
  std::string query;
  std::string body;
  std::uint64_t credit = 1 << 20;
  bool complete = true;
  unsigned loop = 0;
};

inline Call post(std::string body, std::string query = "", unsigned loop = 0) {
  Call call;
  call.body = std::move(body);
  call.query = std::move(query);
  call.loop = loop;
  return call;
}

class WorkersTest : public testing::Test {
 protected:
  explicit WorkersTest(Supervision supervision = {}, bool sandbox = true,
                       milliseconds question_limit = LauncherOptions().question_limit);
  ~WorkersTest() override;

  // Runs it on the control loop or an event loop and waits for its end.
  template <class F>
  auto on_control(F f) {
    return run_on(loops_.control(), std::move(f));
  }
  template <class F>
  auto on_loop(unsigned loop, F f) {
    return run_on(loops_.loop(loop), std::move(f));
  }

  static ReplicaSpec spec(const std::string& plugin);
  std::shared_ptr<Replica> launch(const ReplicaSpec&, Observer&);
  // Launched and ready.
  std::shared_ptr<Replica> ready(const ReplicaSpec&, Observer&);
  // The request's id, or 0 when it was refused.
  RequestId submit(Replica&, const Call&, Sink&);
  Answer ask(Replica&, const Call&);
  void stop(Replica&, Observer&, milliseconds grace = milliseconds(10'000));

  EventLoops loops_{2};
  std::string data_;
  std::unique_ptr<Launcher> launcher_;

 private:
  template <class F>
  auto run_on(boost::asio::io_context& context, F f) {
    std::packaged_task<decltype(f())()> task(std::move(f));
    auto future = task.get_future();
    boost::asio::post(context, [&task] { task(); });
    return future.get();
  }
};

}  // namespace tenon::workers
