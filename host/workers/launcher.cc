#include "host/workers/launcher.h"

#include <sys/prctl.h>

#include <boost/asio/post.hpp>
#include <mutex>
#include <set>
#include <thread>

#include "host/telemetry/log.h"
#include "host/workers/codes.h"
#include "host/workers/host_replica.h"
#include "host/workers/question.h"

namespace tenon::workers {
namespace {

namespace asio = boost::asio;

std::string question_key(const ReplicaSpec& spec, const std::string& identity) {
  std::string key = spec.plugin.library + '\0' + spec.plugin.version + '\0' + identity;
  for (const auto& [name, value] : spec.options) key += '\0' + name + '\0' + value;
  return key;
}

}  // namespace

struct Launcher::Core : std::enable_shared_from_this<Launcher::Core> {
  Core(EventLoops& event_loops, LauncherOptions launcher_options)
      : loops(event_loops),
        options(std::move(launcher_options)),
        templates(std::make_shared<Templates>(event_loops, options.processes)),
        timer(event_loops.control()) {}

  // Runs while there is something to look at: an idle host has no timer.
  void keep_ticking() {
    if (ticking || (replicas.empty() && templates->is_empty())) return;
    ticking = true;
    timer.expires_after(options.supervision.tick);
    timer.async_wait([self = shared_from_this()](boost::system::error_code error) {
      self->ticking = false;
      if (error) return;
      for (const auto& replica : std::vector(self->replicas.begin(), self->replicas.end())) {
        replica->tick();
      }
      self->templates->tick();
      self->keep_ticking();
    });
  }

  // A short spin pays when a CPU is free for it.
  std::uint64_t spin_ns() const {
    const std::size_t busy = loops.size() + 1 + replicas.size();
    return std::thread::hardware_concurrency() > busy ? 20'000 : 0;
  }

  std::optional<CacheFolder> cache_for(const ReplicaSpec& spec) const {
    if (options.processes.data.empty()) return std::nullopt;
    auto identity = origin_identity(spec.model_path);
    if (!identity) return std::nullopt;  // the load will say what is wrong with the folder
    auto folder =
        CacheFolder::open_at(options.processes.data + "/cache/" + spec.plugin.id + "/" + *identity);
    if (folder) return std::move(*folder);
    log::warn("no cache", {{"plugin", spec.plugin.id}, {"error", folder.error().message}});
    return std::nullopt;
  }

  // From what is known, else from a process; `take` gets the answer out of its message.
  template <class Answer, class Take>
  void ask(Question::Kind kind, const ReplicaSpec& spec, std::map<std::string, Answer>& known,
           Take take, std::move_only_function<void(Result<Answer>)> done) {
    const auto identity = origin_identity(spec.model_path);
    if (!identity) return tell(std::move(done), Result<Answer>(std::unexpected(identity.error())));
    const std::string key = question_key(spec, *identity);
    if (const auto found = known.find(key); found != known.end()) {
      return tell(std::move(done), Result<Answer>(found->second));
    }
    auto question = std::make_shared<Question>(
        loops, kind, spec,
        [self = shared_from_this(), &known, key, take,
         done = std::move(done)](Result<message::ToHost> message) mutable {
          if (!message) return done(std::unexpected(message.error()));
          const auto answer = take(*message);
          known.emplace(key, answer);
          done(answer);
        });
    question->ask(*templates, options.question_limit);
    keep_ticking();
  }

  // Never from inside the call.
  template <class Answer>
  void tell(std::move_only_function<void(Result<Answer>)> done, Result<Answer> answer) {
    asio::post(loops.control(), [done = std::move(done), answer = std::move(answer)]() mutable {
      done(std::move(answer));
    });
  }

  EventLoops& loops;
  const LauncherOptions options;
  std::shared_ptr<Templates> templates;
  asio::steady_timer timer;
  bool ticking = false;
  std::set<std::shared_ptr<WorkerReplica>> replicas;
  std::set<std::shared_ptr<HostReplica>> inside;
  std::map<std::string, std::shared_ptr<std::mutex>> loads;  // by library, for plugins in the host
  std::map<std::string, Estimate> estimates;
  std::map<std::string, plugins::Probe> probes;
};

Launcher::Launcher(EventLoops& loops, LauncherOptions options)
    : core_(std::make_shared<Core>(loops, std::move(options))) {
  // Forked workers become children of the host when the process between ends.
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
}

Launcher::~Launcher() {
  core_->timer.cancel();
  core_->templates->clear();
  for (const auto& replica : std::exchange(core_->inside, {})) replica->end();
}

std::shared_ptr<Replica> Launcher::launch(const ReplicaSpec& spec, ReplicaObserver& observer) {
  if (spec.isolation == Isolation::kHost) {
    auto& loads = core_->loads[spec.plugin.library];
    if (!loads) loads = std::make_shared<std::mutex>();
    auto inside = std::make_shared<HostReplica>(
        core_->loops, spec, observer, core_->cache_for(spec), loads,
        [core = core_](HostReplica& gone) { core->inside.erase(gone.shared_from_this()); });
    core_->inside.insert(inside);
    inside->start();
    return inside;
  }
  auto replica = std::make_shared<WorkerReplica>(
      core_->loops, spec, core_->options.supervision, observer,
      [core = core_](WorkerReplica& gone) { core->replicas.erase(gone.shared_from_this()); });
  core_->replicas.insert(replica);
  if (auto prepared =
          replica->prepare(core_->options.processes.readable_for(spec.plugin, spec.model_path),
                           core_->cache_for(spec), core_->spin_ns());
      !prepared) {
    replica->give_up(prepared.error());
    return replica;
  }
  core_->templates->start(spec.plugin, spec.grant, spec.model_path, spec.lease, *replica,
                          [replica](Result<Templates::Started> started) {
                            if (started) {
                              replica->attach(std::move(started->child), started->from_template);
                            } else {
                              replica->give_up(started.error());
                            }
                          });
  core_->keep_ticking();
  return replica;
}

void Launcher::estimate(const ReplicaSpec& spec,
                        std::move_only_function<void(Result<Estimate>)> done) {
  core_->ask(
      Question::Kind::kEstimate, spec, core_->estimates,
      [](const message::ToHost& m) { return std::get<message::Estimated>(m).estimate; },
      std::move(done));
}

void Launcher::probe(const ReplicaSpec& spec,
                     std::move_only_function<void(Result<plugins::Probe>)> done) {
  core_->ask(
      Question::Kind::kProbe, spec, core_->probes,
      [](const message::ToHost& m) {
        const auto& probed = std::get<message::Probed>(m);
        return plugins::Probe{probed.score, printable(probed.reason)};
      },
      std::move(done));
}

std::vector<PluginMetric> Launcher::metrics(const Replica& replica) const {
  if (const auto* worker = dynamic_cast<const WorkerReplica*>(&replica)) return worker->metrics();
  if (const auto* inside = dynamic_cast<const HostReplica*>(&replica)) return inside->metrics();
  return {};
}

}  // namespace tenon::workers
