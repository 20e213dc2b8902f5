#include "host/lifecycle/clock.h"

#include <boost/asio/steady_timer.hpp>

namespace tenon::lifecycle {
namespace {

class SystemAlarm final : public Alarm {
 public:
  SystemAlarm(boost::asio::io_context& loop, std::move_only_function<void()> call)
      : state_(std::make_shared<State>(loop, std::move(call))) {}

  void set(TimePoint when) override {
    state_->timer.expires_at(when);
    state_->timer.async_wait([weak = std::weak_ptr(state_)](boost::system::error_code failed) {
      // The callback may destroy the alarm: hold on to what it runs from.
      if (std::shared_ptr<State> state = weak.lock(); state && !failed) state->call();
    });
  }
  void clear() override { state_->timer.cancel(); }

 private:
  struct State {
    State(boost::asio::io_context& loop, std::move_only_function<void()> c)
        : timer(loop), call(std::move(c)) {}
    boost::asio::steady_timer timer;
    std::move_only_function<void()> call;
  };
  std::shared_ptr<State> state_;
};

}  // namespace

std::unique_ptr<Alarm> SystemClock::alarm(boost::asio::io_context& loop,
                                          std::move_only_function<void()> call) {
  return std::make_unique<SystemAlarm>(loop, std::move(call));
}

}  // namespace tenon::lifecycle
