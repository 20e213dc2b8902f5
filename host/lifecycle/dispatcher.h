#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "host/domain/deployment.h"
#include "host/domain/error.h"
#include "host/lifecycle/life.h"
#include "host/plugins/manifest.h"
#include "host/workers/replica.h"

// What the gateway knows of deployments: find one, hand it a request, follow the request.
namespace tenon::lifecycle {

// Why a request ends without an answer from a plugin.
struct Refusal {
  Error error;
  std::string_view reason;  // a code of the error body: "WORKLOAD_UNAVAILABLE"; static storage
  unsigned status = 503;
  unsigned retry_after = 0;  // seconds; 0: no header
  double load_done = -1;     // 0…1 while a load is under way, else -1
  std::string load_stage;    // "map"
  std::string allow = {};    // the methods that 405 answers with
};

// One request, implemented by the gateway. It lives on one event loop; all calls come there, never
// from inside Dispatcher::dispatch() or Flight's functions. It must live until its last call (a
// final message or a refusal) or until Flight::abandon().
class Exchange {
 public:
  virtual ~Exchange() = default;

  virtual unsigned loop() const = 0;
  // The head and the body that has arrived (at most kUploadWindow of it), valid until the exchange
  // runs again. Asked again when the request moves to another replica.
  virtual workers::RequestView view() = 0;
  // A replica took the last view(): body that arrives from now on goes through Flight::send_body().
  // Not called when that view was complete: nothing is left to send.
  virtual void on_submitted() = 0;
  // Whether view() can still give the whole body from its beginning, and nothing was sent to the
  // client.
  virtual bool can_restart() const = 0;

  virtual void on_response(const workers::ResponseMessage&) = 0;
  virtual void on_refused(const Refusal&) = 0;
  virtual void on_consumed(std::uint64_t bytes) = 0;
  // Flight::send_body() may succeed again.
  virtual void on_room() = 0;
};

// A request on its way, owned by the life cycle; the gateway holds it to steer. [the exchange's
// loop]
class Flight {
 public:
  virtual ~Flight() = default;
  // False: not yet with a replica, or no room: nothing was taken, on_room() follows.
  virtual bool send_body(std::span<const std::byte>, bool last) = 0;
  virtual void grant(std::uint64_t bytes) = 0;
  // The client is gone: the request is taken out of the queue or cancelled in its replica; no
  // further call to the exchange.
  virtual void abandon() = 0;
  // Which revision of the deployment answers; 0 while none does.
  virtual std::uint64_t revision() const { return 0; }
};

// A deployment as the gateway sees it; stays valid while held, also after a reload removed it.
class Target {
 public:
  virtual ~Target() = default;
  virtual const DeploymentSpec& spec() const = 0;
  virtual const plugins::Manifest& plugin() const = 0;
};

struct ColdStart {
  // queue, place, fork, prepare, map, upload, first; in this order, as /metrics names them.
  std::vector<std::pair<std::string_view, std::chrono::nanoseconds>> stages;
  std::chrono::nanoseconds total{};
  std::chrono::system_clock::time_point when;
  bool from_template = false;
};

// A second revision that gets a share of the requests.
struct CanaryStatus {
  std::uint64_t revision = 0;
  unsigned weight = 0;  // percent
  unsigned replicas_ready = 0;
  unsigned replicas_starting = 0;
  unsigned queued = 0;
  unsigned in_flight = 0;
  std::uint64_t memory_bytes = 0;
  std::optional<std::string> failure;  // why it gets no requests
};

struct FailedRevision {
  std::uint64_t number = 0;
  std::string reason;
};

struct DeploymentStatus {
  DeploymentKey key;
  std::string runtime;
  Phase phase = Phase::kCreated;
  std::uint64_t revision = 0;            // that requests are served by, or will start
  std::uint64_t next = 0;                // that is to follow it once it is ready; 0: none
  std::optional<FailedRevision> failed;  // that was to follow and could not
  std::optional<CanaryStatus> canary;
  unsigned replicas_ready = 0;
  unsigned replicas_starting = 0;
  unsigned queued = 0;
  unsigned in_flight = 0;
  std::uint64_t memory_bytes = 0;
  std::vector<int> pids;  // of the ready replicas that are processes
  unsigned crashes_in_a_row = 0;
  bool breaker_open = false;
  std::optional<ColdStart> last_cold_start;
  std::optional<std::string> last_error;
  std::optional<std::string> placement;  // what was decided last of where a replica goes
  double load_done = -1;
  std::string load_stage;
};

class Dispatcher {
 public:
  virtual ~Dispatcher() = default;

  // [any] Null when there is no such deployment. No lock that another deployment's requests share.
  virtual std::shared_ptr<Target> find(std::string_view workspace, std::string_view model,
                                       std::string_view environment) const = 0;
  // [any] Which part of the name is unknown, for the error body: workspace, model or environment.
  virtual Refusal explain_missing(std::string_view workspace, std::string_view model,
                                  std::string_view environment) const = 0;

  // [the exchange's loop] Hands the request over: to a replica at once, or to the queue while one
  // starts.
  virtual std::shared_ptr<Flight> dispatch(const std::shared_ptr<Target>&, Exchange&) = 0;
  // The same for a passive question: a ready replica answers it without being kept alive by it; at
  // zero it is answered from what is known.
  virtual std::shared_ptr<Flight> ask(const std::shared_ptr<Target>&, Exchange&) = 0;

  // [any]
  virtual std::vector<DeploymentStatus> status() const = 0;
  virtual std::optional<DeploymentStatus> status_of(const DeploymentKey& key) const {
    std::vector<DeploymentStatus> all = status();
    for (DeploymentStatus& each : all) {
      if (each.key == key) return std::move(each);
    }
    return std::nullopt;
  }
};

}  // namespace tenon::lifecycle
