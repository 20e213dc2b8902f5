#include "host/control/event_books.h"

#include <algorithm>
#include <iterator>
#include <span>
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
                    return !events_.empty();
                  }}) {}

// Of one that is gone the store keeps nothing.
void EventBooks::on_event(const DeploymentKey& key, const lifecycle::LifeEvent& event) {
  if (event.type == lifecycle::LifeEvent::Type::kGone) return;
  {
    const std::lock_guard lock(mutex_);
    events_.push_back({key, event.when, std::string(to_string(event.type)),
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
      const auto left = std::span(events_).subspan(written_);
      const auto next = left.first(std::min(left.size(), kAtOnce));
      some.assign(next.begin(), next.end());
    }
    if (some.empty()) return {};
    auto written = store_.add_events(some);
    const std::lock_guard lock(mutex_);
    if (written) written_ += some.size();
    forget(written ? events_.size() : kMostUnwritten);
    if (!written) return written;
  }
}

// What is written, once all is, so that the memory of many goes back whole; and the oldest of more
// than `most`.
void EventBooks::forget(std::size_t most) {
  const std::size_t left = events_.size() - written_;
  if (left == 0) {
    events_ = std::vector<store::Event>();
  } else if (left > most) {
    events_.erase(events_.begin(), events_.end() - static_cast<std::ptrdiff_t>(most));
  } else {
    return;
  }
  written_ = 0;
}

Result<std::vector<store::Event>> EventBooks::of(const DeploymentKey& key) {
  std::vector<store::Event> latest;
  {
    const std::lock_guard lock(mutex_);
    std::ranges::copy_if(std::span(events_).subspan(written_), std::back_inserter(latest),
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
