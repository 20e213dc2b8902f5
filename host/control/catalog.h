#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <span>
#include <vector>

#include "host/control/plan.h"
#include "host/control/snapshot.h"
#include "host/store/store.h"

namespace tenon::control {

// The resources of a host: checked, stored, and told to whoever makes them real.
//
// [any thread] Reading takes a snapshot and waits for nobody. Changes come one after another and
// block until the store has them.
class Catalog {
 public:
  using Clock = std::function<std::chrono::system_clock::time_point()>;
  // Called after each change, one at a time, with what there is now. [the changing thread]
  using Listener = std::function<void(std::shared_ptr<const Snapshot>)>;

  // Reads all that is stored; the workspace is made when it is not there.
  static Result<std::unique_ptr<Catalog>> open(store::Store&, std::string workspace, Ground, Clock);

  std::shared_ptr<const Snapshot> snapshot() const;
  void listen(Listener);

  // All or nothing. Nothing is done when `dry`, which tells what would be.
  std::expected<std::vector<Planned>, std::vector<Refused>> change(std::span<const Wish>,
                                                                   const Who&, bool dry = false);

 private:
  Catalog(store::Store& store, Ground ground, Clock clock)
      : store_(store), ground_(std::move(ground)), clock_(std::move(clock)) {}

  struct ByValue {
    bool operator()(const auto& a, const auto& b) const { return *a < *b; }
  };

  Result<void> load();
  std::shared_ptr<const Authors> shared(Authors);
  Result<std::shared_ptr<const Entry>> load_stable(const Draft& newest);
  std::expected<std::shared_ptr<Snapshot>, Refused> write(const Plan&, const Who&, const Snapshot&);

  store::Store& store_;
  const Ground ground_;
  const Clock clock_;
  std::mutex changing_;  // held over a change, also while the disk is waited for
  std::vector<Listener> listeners_;
  std::set<std::shared_ptr<const Authors>, ByValue> authors_;  // of all entries, each kept once
  mutable std::mutex mutex_;                                   // of what follows
  std::shared_ptr<const Snapshot> snapshot_;
};

}  // namespace tenon::control
