#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "host/domain/deployment.h"
#include "host/lifecycle/life.h"

// What happened to a deployment, told to whoever keeps it.
namespace tenon::lifecycle {

struct LifeEvent {
  enum class Type : std::uint8_t {
    kState,           // `phase` is new
    kRevision,        // this revision serves from now on
    kRevisionFailed,  // this revision did not load; an earlier one serves instead
    kCanary,          // the share of requests that this revision gets is new
    kLoadFailed,
    kCrashed,  // a ready worker ended by itself
    kEvicted,  // an idle replica made room for another deployment
    kBreaker,  // opened: nothing is started for a while
    kPolicy,   // policies changed what may run
    kDevice,   // a replica's device is lost or failing
    kGone,     // deleted, and its last replica is gone
  };
  std::chrono::system_clock::time_point when;
  Type type = Type::kState;
  Phase phase = Phase::kCreated;  // after it
  std::uint64_t revision = 0;     // that it concerns
  std::string message;            // may be empty
};

std::string_view to_string(LifeEvent::Type);  // "RevisionFailed"

// Called on the control loop; must not call back.
class LifeObserver {
 public:
  enum class Outcome : std::uint8_t { kReady, kReadyAsCanary, kFailed };

  virtual ~LifeObserver() = default;
  virtual void on_event(const DeploymentKey&, const LifeEvent&) = 0;
  // A revision (a canary as well) has proved that it can serve, or that it cannot and why. Once for
  // each revision that was given; one that stands at zero is told of when a request starts it.
  virtual void on_revision(const DeploymentKey&, std::uint64_t number, Outcome,
                           std::string_view reason) = 0;
};

// Tells several, one after another. Whoever is added lives as long as it is told.
class LifeObservers final : public LifeObserver {
 public:
  void add(LifeObserver& observer) { all_.push_back(&observer); }  // before the loops run

  void on_event(const DeploymentKey&, const LifeEvent&) override;
  void on_revision(const DeploymentKey&, std::uint64_t number, Outcome,
                   std::string_view reason) override;

 private:
  std::vector<LifeObserver*> all_;
};

}  // namespace tenon::lifecycle
