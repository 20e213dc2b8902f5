#include "host/control/watches.h"

#include <fmt/format.h>

#include <boost/asio/post.hpp>
#include <boost/json/serialize.hpp>
#include <chrono>

namespace tenon::control {
namespace {

// Proxies close what says nothing for long, and only a write tells that a client is gone.
constexpr std::chrono::seconds kBeat{15};

bool matches(const Watches::Filter& filter, const ResourceKey& key) {
  return key.kind == filter.kind && key.workspace == filter.workspace &&
         (!filter.environment || key.environment == *filter.environment);
}

}  // namespace

std::string Watches::event(const Filter& filter, std::string_view name, const Entry& entry) const {
  if (!matches(filter, entry.key())) return {};
  return fmt::format("event: {}\ndata: {}\n\n", name, boost::json::serialize(describe_(entry)));
}

// Walks both side by side, in the order of their keys.
std::string Watches::changes(const Watch& watch, const Snapshot& snapshot) const {
  const auto before = watch.seen->of(watch.filter.kind, watch.filter.workspace);
  const auto after = snapshot.of(watch.filter.kind, watch.filter.workspace);
  auto old = before.begin(), now = after.begin();
  std::string out;
  while (old != before.end() || now != after.end()) {
    if (now == after.end() || (old != before.end() && (*old)->key() < (*now)->key())) {
      out += event(watch.filter, "removed", **old++);
    } else if (old == before.end() || (*now)->key() < (*old)->key()) {
      out += event(watch.filter, "added", **now++);
    } else {
      if (*old != *now) out += event(watch.filter, "changed", **now);
      ++old;
      ++now;
    }
  }
  return out;
}

void Watches::add(Filter filter, std::shared_ptr<Reply> reply,
                  std::shared_ptr<const Snapshot> snapshot) {
  const std::lock_guard lock(mutex_);
  Watch watch{std::move(filter), std::move(reply), std::make_shared<const Snapshot>()};
  watch.reply->begin("text/event-stream",
                     changes(watch, *snapshot) + "event: synced\ndata: {}\n\n");
  if (closed_) return watch.reply->end();
  watch.seen = std::move(snapshot);
  watches_.push_back(std::move(watch));
  boost::asio::post(loops_.control(), [self = shared_from_this()] {
    if (!std::exchange(self->beating_, true)) self->keep_beating();
  });
}

void Watches::on_snapshot(const std::shared_ptr<const Snapshot>& snapshot) {
  const std::lock_guard lock(mutex_);
  std::erase_if(watches_, [&](Watch& watch) {
    if (watch.seen->version >= snapshot->version) return false;
    std::string news = changes(watch, *snapshot);
    watch.seen = snapshot;
    return !news.empty() && !watch.reply->chunk(std::move(news));
  });
}

void Watches::on_status(const DeploymentKey& deployment) {
  const ResourceKey key{Kind::kDeployment, deployment.workspace, deployment.model,
                        deployment.environment};
  const std::lock_guard lock(mutex_);
  std::erase_if(watches_, [&](const Watch& watch) {
    const Entry* entry = matches(watch.filter, key) ? watch.seen->find(key) : nullptr;
    return entry && !watch.reply->chunk(event(watch.filter, "changed", *entry));
  });
}

void Watches::keep_beating() {
  beat_.expires_after(kBeat);
  beat_.async_wait([self = shared_from_this()](boost::system::error_code error) {
    if (error) return;
    const std::lock_guard lock(self->mutex_);
    std::erase_if(self->watches_, [](const Watch& watch) { return !watch.reply->chunk(":\n\n"); });
    self->beating_ = !self->watches_.empty();
    if (self->beating_) self->keep_beating();
  });
}

void Watches::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  for (const Watch& watch : watches_) watch.reply->end();
  watches_.clear();
}

}  // namespace tenon::control
