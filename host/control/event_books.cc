#include "host/control/event_books.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "host/telemetry/log.h"

namespace tenon::control {
namespace {

// In one transaction: others wait for the store no longer than that takes.
constexpr std::size_t kAtOnce = 100;

}  // namespace

EventBooks::EventBooks(boost::asio::io_context& control, Saver::Run run, store::Store& store)
    : store_(store),
      saver_(control, std::move(run),
             {.save = [this] { return save().has_value(); },
              .more =
                  [this] {
                    const std::lock_guard lock(mutex_);
                    return !unwritten_.empty();
                  }}) {}

// Of one that is gone the store keeps nothing.
void EventBooks::on_event(const DeploymentKey& key, const lifecycle::LifeEvent& event) {
  if (event.type == lifecycle::LifeEvent::Type::kGone) return;
  {
    const std::lock_guard lock(mutex_);
    unwritten_.push_back({key, event.when, std::string(to_string(event.type)),
                          std::string(to_string(event.phase)), event.revision, event.message});
  }
  saver_.soon();
}

Result<void> EventBooks::save() {
  const std::lock_guard lock(saving_);
  auto written = write();
  const bool failed = !written;
  if (failed != std::exchange(failing_, failed)) {
    failed ? log::error("events are not stored", {{"why", written.error().message}})
           : log::info("events are stored again");
  }
  return written;
}

Result<void> EventBooks::write() {
  for (;;) {
    std::vector<store::Event> some;
    {
      const std::lock_guard lock(mutex_);
      const auto count = static_cast<std::ptrdiff_t>(std::min(unwritten_.size(), kAtOnce));
      some.assign(unwritten_.begin(), unwritten_.begin() + count);
    }
    if (some.empty()) return {};
    auto written = store_.add_events(some);
    const std::lock_guard lock(mutex_);
    const std::size_t gone = written ? some.size()
                             : unwritten_.size() > kMostUnwritten
                                 ? unwritten_.size() - kMostUnwritten
                                 : 0;
    unwritten_.erase(unwritten_.begin(), unwritten_.begin() + static_cast<std::ptrdiff_t>(gone));
    if (!written) return written;
  }
}

Result<std::vector<store::Event>> EventBooks::of(const DeploymentKey& key) {
  std::vector<store::Event> latest;
  {
    const std::lock_guard lock(mutex_);
    std::ranges::copy_if(unwritten_, std::back_inserter(latest),
                         [&](const store::Event& event) { return event.deployment == key; });
  }
  auto out = store_.events(key);
  if (!out) return out;
  // Some of them may have been written meanwhile.
  for (store::Event& event : latest) {
    if (std::ranges::find(*out, event) == out->end()) out->push_back(std::move(event));
  }
  return out;
}

}  // namespace tenon::control
