#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <memory>

namespace tenon::lifecycle {

using TimePoint = std::chrono::steady_clock::time_point;

// Calls back once at a time, on the loop that it was made for. Touched on that loop only.
class Alarm {
 public:
  virtual ~Alarm() = default;       // no call after this
  virtual void set(TimePoint) = 0;  // replaces an earlier time
  virtual void clear() = 0;
};

// Time as the life cycle sees it; tests bring their own.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual TimePoint now() const = 0;                               // [any]
  virtual std::chrono::system_clock::time_point wall() const = 0;  // [any]
  // A call may come although the alarm was just set anew or cleared: whoever is called looks at the
  // time.
  virtual std::unique_ptr<Alarm> alarm(boost::asio::io_context&,
                                       std::move_only_function<void()>) = 0;
};

class SystemClock final : public Clock {
 public:
  TimePoint now() const override { return std::chrono::steady_clock::now(); }
  std::chrono::system_clock::time_point wall() const override {
    return std::chrono::system_clock::now();
  }
  std::unique_ptr<Alarm> alarm(boost::asio::io_context&, std::move_only_function<void()>) override;
};

}  // namespace tenon::lifecycle
