#pragma once

#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <mutex>
#include <vector>

#include "host/control/saver.h"
#include "host/lifecycle/life_event.h"
#include "host/store/store.h"

namespace tenon::control {

// What happened to deployments: taken down in memory as it happens, and written to the store once a
// second, so that no request and no event loop waits for it.
class EventBooks final : public lifecycle::LifeObserver {
 public:
  // Of events while the store takes none; then the oldest are lost.
  static constexpr std::size_t kMostUnwritten = 10'000;

  EventBooks(boost::asio::io_context& control, Saver::Run, store::Store&);

  // The rest may block. [any]

  // What an error left unwritten the next call writes.
  Result<void> save();
  // The last ones, oldest first, until now.
  Result<std::vector<store::Event>> of(const DeploymentKey&);

  void on_event(const DeploymentKey&, const lifecycle::LifeEvent&) override;
  void on_revision(const DeploymentKey&, std::uint64_t, Outcome, std::string_view) override {}

 private:
  Result<void> write();           // one after another
  void forget(std::size_t most);  // the mutex is held

  store::Store& store_;
  Saver saver_;
  std::mutex saving_;  // held while the store is waited for
  bool failing_ = false;
  std::mutex mutex_;  // of what follows; never held while the store is waited for
  std::vector<store::Event> events_;
  std::size_t written_ = 0;  // the first ones of them
};

}  // namespace tenon::control
