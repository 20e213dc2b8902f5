#include "host/simulator/simulation.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <memory>
#include <queue>
#include <unordered_map>
#include <utility>

#include "host/domain/nearest.h"
#include "host/scheduler/autoscaler.h"
#include "host/scheduler/placement.h"
#include "host/scheduler/scale_down.h"
#include "host/simulator/device_use.h"

namespace tenon::simulator {
namespace {

using scheduler::Decision;
using scheduler::TimePoint;
using scheduler::Verdict;
using Index = std::uint32_t;

constexpr TimePoint kBegin{std::chrono::hours(1)};
constexpr milliseconds kUnload{100};  // of a worker that ends
// Those that wait for room look again at most so often.
constexpr milliseconds kBetweenLooks{100};

struct Event {
  enum class Kind { kReady, kDone, kGone, kLook, kSettle };
  TimePoint at;
  std::uint64_t number = 0;  // of two at once the earlier made comes first
  Kind kind = Kind::kLook;
  Index subject = 0;
  std::uint64_t replica = 0;
  bool operator>(const Event& other) const {
    return std::pair(at, number) > std::pair(other.at, other.number);
  }
};

struct Request {
  TimePoint since;
  microseconds takes{};
  bool cold = false;
};

struct Replica {
  Index subject = 0;
  std::vector<scheduler::Use> uses;
  bool ready = false;
  bool ending = false;
  unsigned in_flight = 0;
  TimePoint idle_since{};
};

// A deployment while it runs.
struct Running {
  std::deque<Request> queue;
  std::vector<std::uint64_t> replicas;  // that start or are ready, and do not end
  unsigned ready = 0;
  std::uint64_t in_flight = 0;
  std::unique_ptr<scheduler::Autoscaler> scaler;  // since it was first asked
  scheduler::RecentRate rate;
  std::uint64_t requests = 0;
  double request_seconds = 0;
  TimePoint counted{kBegin};  // until then
  std::optional<TimePoint> look;
  bool claims = false;  // waits for room
  std::string no_place;
  std::uint64_t refused = 0;  // since there is none

  std::uint64_t inside() const { return in_flight + queue.size(); }
};

class Simulation {
 public:
  explicit Simulation(const Scenario& scenario)
      : scenario_(scenario),
        inventory_(scenario.devices),
        use_(scenario.devices, kBegin),
        running_(scenario.subjects.size()) {
    for (Index i = 0; i < running_.size(); ++i) {
      const Subject& subject = scenario.subjects[i];
      if (subject.forbidden) running_[i].no_place = *subject.forbidden;
      if (subject.scale.min_replicas != 0) inventory_.set_minimum(i, subject.scale.min_replicas);
    }
  }

  Outcome run(const Trace& trace, const std::vector<Index>& subjects) {
    now_ = kBegin;
    for (Index i = 0; i < running_.size(); ++i) {
      if (scenario_.subjects[i].scale.min_replicas != 0) consider(i);
    }
    auto next = trace.arrivals.begin();
    while (next != trace.arrivals.end() || open_ != 0) {
      const bool arrives =
          next != trace.arrivals.end() && (events_.empty() || kBegin + next->at < events_.top().at);
      if (arrives) {
        now_ = kBegin + next->at;
        arrive(subjects[next->deployment], *next);
        ++next;
      } else {
        const Event event = events_.top();
        events_.pop();
        now_ = event.at;
        happen(event);
      }
    }
    return result();
  }

 private:
  const Subject& subject(Index i) const { return scenario_.subjects[i]; }

  void post(TimePoint at, Event::Kind kind, Index subject, std::uint64_t replica = 0) {
    events_.push({at, ++last_event_, kind, subject, replica});
  }

  void happen(const Event& event) {
    switch (event.kind) {
      case Event::Kind::kReady:
        return become_ready(event.replica);
      case Event::Kind::kDone:
        return finish(event.replica);
      case Event::Kind::kGone:
        return leave(event.replica);
      case Event::Kind::kLook:
        if (running_[event.subject].look != event.at) return;  // another one was set
        running_[event.subject].look.reset();
        return consider(event.subject);
      case Event::Kind::kSettle:
        settling_ = false;
        return settle();
    }
  }

  // ---- requests

  void arrive(Index i, const Arrival& arrival) {
    Running& r = running_[i];
    const Workload& w = subject(i).workload;
    ++out_.requests;
    if (!r.no_place.empty()) {
      ++out_.no_place, ++r.refused;
      return;
    }
    if (r.queue.size() >= subject(i).limits.queue) {
      ++out_.queue_full;
      return;
    }
    microseconds takes = arrival.duration;
    if (takes.count() == 0 && arrival.tokens != 0 && w.tokens_per_second != 0) {
      takes = microseconds(arrival.tokens * 1'000'000 / w.tokens_per_second);
    }
    if (takes.count() == 0) takes = w.request;
    count(r);
    r.queue.push_back({now_, takes, r.ready == 0});
    ++r.requests, ++open_;
    r.rate.add(1, now_);
    dispatch(i);
    consider(i);
  }

  // Adds up what was inside until now.
  void count(Running& r) {
    const double seconds = std::chrono::duration<double>(now_ - r.counted).count();
    r.request_seconds += static_cast<double>(r.inside()) * seconds;
    r.counted = now_;
  }

  void dispatch(Index i) {
    Running& r = running_[i];
    while (!r.queue.empty()) {
      std::uint64_t best = 0;
      unsigned least = subject(i).workload.at_once;
      for (const std::uint64_t id : r.replicas) {
        const Replica& replica = replicas_.at(id);
        if (replica.ready && replica.in_flight < least) best = id, least = replica.in_flight;
      }
      if (best == 0) return;
      const Request request = r.queue.front();
      r.queue.pop_front();
      begin(r, best, request);
    }
  }

  void begin(Running& r, std::uint64_t id, const Request& request) {
    Replica& replica = replicas_.at(id);
    const auto wait = std::chrono::duration_cast<microseconds>(now_ - request.since);
    out_.waits.add(wait);
    if (request.cold) out_.cold_waits.add(wait);
    ++out_.served;
    if (replica.in_flight++ == 0) {
      inventory_.set_busy(id);
      for (const auto& use : replica.uses) use_.busy(use.device, 1, now_);
    }
    ++r.in_flight;
    post(now_ + request.takes, Event::Kind::kDone, replica.subject, id);
  }

  void finish(std::uint64_t id) {
    Replica& replica = replicas_.at(id);
    const Index i = replica.subject;
    Running& r = running_[i];
    count(r);
    --r.in_flight, --open_;
    if (--replica.in_flight == 0) {
      for (const auto& use : replica.uses) use_.busy(use.device, -1, now_);
      if (replica.ending) {
        post(now_ + kUnload, Event::Kind::kGone, i, id);
      } else {
        rest(id, replica);
      }
    }
    dispatch(i);
    consider(i);
  }

  void rest(std::uint64_t id, Replica& replica) {
    replica.idle_since = now_;
    inventory_.set_idle(id, now_, running_[replica.subject].rate.at(now_));
    room_changed();
  }

  // ---- replicas

  void become_ready(std::uint64_t id) {
    Replica& replica = replicas_.at(id);
    if (replica.ending) return;
    replica.ready = true;
    ++running_[replica.subject].ready;
    inventory_.measured(id, replica.uses, subject(replica.subject).workload.load);
    rest(id, replica);
    dispatch(replica.subject);
    consider(replica.subject);
  }

  // It gets no more requests, and goes when it has finished.
  void end(std::uint64_t id) {
    Replica& replica = replicas_.at(id);
    Running& r = running_[replica.subject];
    replica.ending = true;
    std::erase(r.replicas, id);
    if (replica.ready) --r.ready;
    if (replica.in_flight == 0) post(now_ + kUnload, Event::Kind::kGone, replica.subject, id);
  }

  void leave(std::uint64_t id) {
    const auto found = replicas_.find(id);
    const Index i = found->second.subject;
    inventory_.remove(id);
    for (const auto& use : found->second.uses) use_.held(inventory_, use.device, now_);
    replicas_.erase(found);
    room_changed();
    consider(i);
  }

  void start(Index i, std::uint64_t id, const Decision& decision) {
    replicas_.emplace(id, Replica{.subject = i, .uses = decision.site});
    running_[i].replicas.push_back(id);
    for (const auto& use : decision.site) use_.held(inventory_, use.device, now_);
    use_.started(decision.flavor);
    ++out_.starts;
    out_.most_replicas = std::max(out_.most_replicas, replicas_.size());
    post(now_ + subject(i).workload.load, Event::Kind::kReady, i, id);
  }

  // ---- how many there should be

  void consider(Index i) {
    Running& r = running_[i];
    if (!r.no_place.empty()) return;
    refuse_late(i);
    observe(i);
    while (!r.claims && lacks(i)) {
      claim(i);
      settle();
    }
    scale_down(i);
    look_again(i);
  }

  void refuse_late(Index i) {
    Running& r = running_[i];
    while (!r.queue.empty() && r.queue.front().since + subject(i).limits.max_wait <= now_) {
      count(r);
      r.queue.pop_front();
      ++out_.waited_too_long, --open_;
    }
  }

  void observe(Index i) {
    Running& r = running_[i];
    if (!r.scaler && r.ready == 0 && r.inside() == 0) return;
    if (!r.scaler) r.scaler = std::make_unique<scheduler::Autoscaler>();
    count(r);
    r.scaler->observe(subject(i).scale, {r.ready, r.inside(), sum(i)}, now_);
  }

  // Of what the deployment's scale looks at.
  double sum(Index i) const {
    const Running& r = running_[i];
    const Workload& w = subject(i).workload;
    switch (subject(i).scale.metric) {
      case ScaleMetric::kRps:
        return static_cast<double>(r.requests);
      case ScaleMetric::kCpu:  // a replica that serves all it can takes all its threads
        return 100 * r.request_seconds / w.at_once;
      case ScaleMetric::kMemory: {
        const double seconds = std::chrono::duration<double>(now_ - kBegin).count();
        return static_cast<double>(w.memory) / (1 << 20) * r.ready * seconds;
      }
      case ScaleMetric::kConcurrency:
        break;
    }
    return r.request_seconds;
  }

  unsigned desired(Index i) const {
    static const scheduler::Autoscaler kNeverAsked;
    const Running& r = running_[i];
    return (r.scaler ? *r.scaler : kNeverAsked).wanted(subject(i).scale, r.ready, r.inside());
  }

  bool lacks(Index i) const {
    return running_[i].no_place.empty() && running_[i].replicas.size() < desired(i);
  }

  void scale_down(Index i) {
    Running& r = running_[i];
    idle_check_.reset();
    if (!r.queue.empty() || r.ready <= subject(i).scale.min_replicas) return;
    std::vector<scheduler::ReadyReplica> ready;
    for (const std::uint64_t id : r.replicas) {
      const Replica& replica = replicas_.at(id);
      if (replica.ready) ready.push_back({id, replica.in_flight, replica.idle_since});
    }
    const auto plan = scheduler::plan_scale_down(subject(i).scale, ready, desired(i), now_);
    for (const std::uint64_t id : plan.end) {
      inventory_.set_ending(id);
      end(id);
    }
    idle_check_ = plan.check_at;
  }

  void look_again(Index i) {
    Running& r = running_[i];
    std::optional<TimePoint> next = r.scaler ? r.scaler->next() : std::nullopt;
    const auto sooner = [&](TimePoint at) { next = next ? std::min(*next, at) : at; };
    if (idle_check_) sooner(*idle_check_);
    if (!r.queue.empty()) sooner(r.queue.front().since + subject(i).limits.max_wait);
    if (next == r.look) return;
    r.look = next;
    if (next) post(*next, Event::Kind::kLook, i);
  }

  // ---- room

  void claim(Index i) {
    const Subject& s = subject(i);
    running_[i].claims = true;
    claims_.push_back({.id = ++last_replica_,
                       .deployment = i,
                       .flavors = s.flavors,
                       .host_bytes = s.workload.memory,
                       .device_bytes = s.workload.device_memory,
                       .devices = s.devices});
  }

  void room_changed() {
    if (claims_.empty() || std::exchange(settling_, true)) return;
    post(std::max(now_, settled_ + kBetweenLooks), Event::Kind::kSettle, 0);
  }

  void settle() {
    settled_ = now_;
    std::erase_if(claims_, [this](const scheduler::Claim& c) {
      const auto i = static_cast<Index>(c.deployment);
      if (lacks(i)) return false;
      running_[i].claims = false;
      inventory_.release(c.id);
      inventory_.remove(c.id);  // what was reserved for it
      return true;
    });
    const std::vector<scheduler::Claim> claims = std::exchange(claims_, {});
    out_.most_waiting = std::max(out_.most_waiting, claims.size());
    const scheduler::Plan plan = scheduler::settle(inventory_, claims);
    for (std::size_t c = 0; c < claims.size(); ++c) {
      const Decision& decision = plan.decisions[c];
      for (const std::uint64_t victim : decision.end) {
        ++out_.evictions;
        const Index loser = replicas_.at(victim).subject;
        end(victim);
        if (running_[loser].look != now_) {
          running_[loser].look = now_;
          post(now_, Event::Kind::kLook, loser);
        }
      }
      follow(claims[c], decision, plan.overtaken[c]);
    }
  }

  void follow(scheduler::Claim claim, const Decision& decision, bool overtaken) {
    const auto i = static_cast<Index>(claim.deployment);
    running_[i].claims = false;
    if (decision.verdict == Verdict::kStart) return start(i, claim.id, decision);
    if (decision.verdict == Verdict::kNever) {
      return give_up(i, scheduler::explain(decision.rejected));
    }
    running_[i].claims = true;
    claim.overtaken += overtaken ? 1 : 0;
    claims_.push_back(std::move(claim));
  }

  void give_up(Index i, std::string why) {
    Running& r = running_[i];
    r.no_place = std::move(why);
    r.refused = r.queue.size();
    out_.no_place += r.queue.size();
    open_ -= r.queue.size();
    r.queue.clear();
  }

  Outcome result() {
    out_.time = std::chrono::duration_cast<microseconds>(now_ - kBegin);
    out_.cold = out_.cold_waits.count();
    out_.flavors = use_.result(now_);
    for (Index i = 0; i < running_.size(); ++i) {
      const Running& r = running_[i];
      if (!r.no_place.empty()) out_.unplaced.push_back({subject(i).key, r.no_place, r.refused});
    }
    return std::move(out_);
  }

  const Scenario& scenario_;
  scheduler::Inventory inventory_;
  DeviceUse use_;
  std::vector<Running> running_;
  std::unordered_map<std::uint64_t, Replica> replicas_;
  std::vector<scheduler::Claim> claims_;  // first come, first served
  std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
  TimePoint now_{kBegin}, settled_{};
  bool settling_ = false;                // an event for it is there
  std::optional<TimePoint> idle_check_;  // of the one that is considered
  std::uint64_t last_event_ = 0, last_replica_ = 0;
  std::uint64_t open_ = 0;  // requests that came and have no end yet
  Outcome out_;
};

// "minilm", "minilm@staging", "team/minilm@staging"
std::vector<std::string> names_of(const DeploymentKey& key) {
  const std::string whole = key.model + "@" + key.environment;
  std::vector<std::string> out{whole, key.workspace + "/" + whole};
  if (key.environment == "production") out.push_back(key.model);
  return out;
}

}  // namespace

Result<Outcome> simulate(const Scenario& scenario, const Trace& trace) {
  std::unordered_map<std::string, Index> known;
  for (Index i = 0; i < scenario.subjects.size(); ++i) {
    for (std::string& name : names_of(scenario.subjects[i].key)) known.emplace(std::move(name), i);
  }
  std::vector<Index> subjects;
  for (const std::string& name : trace.names) {
    const auto found = known.find(name);
    if (found == known.end()) {
      std::vector<std::string_view> names;
      for (const auto& [each, index] : known) names.push_back(each);
      std::ranges::sort(names);
      return fail(Code::kNotFound, fmt::format("the trace has requests for '{}', and there is no "
                                               "such deployment{}",
                                               name, did_you_mean(name, names)));
    }
    subjects.push_back(found->second);
  }
  return Simulation(scenario).run(trace, subjects);
}

}  // namespace tenon::simulator
