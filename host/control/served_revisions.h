#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>

#include "host/control/snapshot.h"
#include "host/lifecycle/life_event.h"
#include "host/store/store.h"

namespace tenon::control {

// Which revision of each deployment served last, kept over a restart: when a newer one cannot, the
// host that comes next falls back to it as this one did.
class ServedRevisions final : public lifecycle::LifeObserver {
 public:
  // Does something on a thread that may block.
  using Run = std::function<void(std::function<void()>)>;

  explicit ServedRevisions(Run run) : run_(std::move(run)) {}

  // Reads what an earlier host kept. Once, before the loops run; the store must outlive this.
  Result<void> open(store::Store&);

  // What was found out of a deployment before this host: for its beginning.
  bool served(const Entry& revision) const;
  // What it falls back to; null: nothing that is known to serve.
  std::shared_ptr<const Entry> earlier_than(const Entry& revision) const;

  void on_event(const DeploymentKey&, const lifecycle::LifeEvent&) override {}
  void on_revision(const DeploymentKey&, std::uint64_t number, Outcome,
                   std::string_view reason) override;

 private:
  const Run run_;
  store::Store* store_ = nullptr;
  std::map<DeploymentKey, std::uint64_t> last_;  // as it was when the store was opened
};

}  // namespace tenon::control
