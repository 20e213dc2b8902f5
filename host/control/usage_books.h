#pragma once

#include <boost/asio/io_context.hpp>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "host/control/saver.h"
#include "host/lifecycle/life_event.h"
#include "host/metering/meter.h"
#include "host/metering/token_pools.h"
#include "host/store/store.h"

namespace tenon::control {

// What tokens were spent and what replicas used: counted in memory while requests run, and written
// to the store once a second, so that no request waits for it. While nothing runs nothing happens
// here.
class UsageBooks final : public lifecycle::LifeObserver {
 public:
  // Writes are begun on `control`, on which replicas are started.
  UsageBooks(boost::asio::io_context& control, Saver::Run);

  // Counts on from what the store has; it must live as long as this. Once, before the loops run.
  Result<void> open(store::Store&);

  metering::Meter& meter() { return meter_; }  // also before open()
  metering::TokenPools& pools() { return *pools_; }

  // The rest may block. [any]

  // What an error left unwritten the next call writes.
  Result<void> save();
  // What a workspace used in the hours that begin in [from, to), until now.
  Result<std::vector<store::Use>> used(std::string_view workspace, store::Time from,
                                       store::Time to);
  // Since this host started, whatever the hour; not of deployments that are gone.
  std::vector<store::Use> totals();

  void on_event(const DeploymentKey&, const lifecycle::LifeEvent&) override;
  void on_revision(const DeploymentKey&, std::uint64_t, Outcome, std::string_view) override {}

 private:
  using Account = std::tuple<DeploymentKey, std::uint64_t, std::string>;

  void forget(const DeploymentKey&);
  // The mutex is held.
  void collect();
  Result<void> write();

  const Saver::Run run_;
  Saver saver_;
  metering::Meter meter_;
  std::unique_ptr<metering::TokenPools> pools_;
  store::Store* store_ = nullptr;

  std::mutex mutex_;  // of what follows, also while the store is waited for
  std::map<std::pair<ResourceKey, std::string>, store::TokenCount> counts_;  // not written yet
  std::map<std::pair<metering::Hour, Account>, store::Use> uses_;            // likewise
  std::map<Account, store::Use> totals_;
  bool failing_ = false;
};

}  // namespace tenon::control
