#include "host/control/scrape.h"

#include <utility>

namespace tenon::control {
namespace {

constexpr std::string_view kPrometheus = "text/plain; version=0.0.4; charset=utf-8";

}  // namespace

void Scrape::answer(std::shared_ptr<Reply> reply) {
  {
    const std::lock_guard lock(mutex_);
    waiting_.push_back(std::move(reply));
    if (waiting_.size() > 1) return;
  }
  const std::string page = metrics_();
  std::vector<std::shared_ptr<Reply>> served;
  {
    const std::lock_guard lock(mutex_);
    served.swap(waiting_);
  }
  for (const auto& each : served) each->whole(200, kPrometheus, page);
}

}  // namespace tenon::control
