#include "host/control/saver.h"

#include <boost/asio/post.hpp>
#include <chrono>
#include <utility>

namespace tenon::control {
namespace {

// With the write: at most a second of what was gathered is lost.
constexpr std::chrono::milliseconds kPause{900};

}  // namespace

Saver::Saver(boost::asio::io_context& control, Run run, Work work)
    : control_(control), timer_(control), run_(std::move(run)), work_(std::move(work)) {}

void Saver::soon() {
  if (std::exchange(awake_, true)) return;
  timer_.expires_after(kPause);
  timer_.async_wait([this](boost::system::error_code cancelled) {
    if (!cancelled) run_([this] { save_now(); });
  });
}

void Saver::save_now() {
  const bool saved = work_.save();
  boost::asio::post(control_, [this, saved] {
    awake_ = false;
    if (!saved || work_.more()) soon();
  });
}

}  // namespace tenon::control
