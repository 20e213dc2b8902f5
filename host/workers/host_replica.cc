#include "host/workers/host_replica.h"
#include "host/workers/lease_view.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <cmath>
#include <thread>

#include "host/plugins/library.h"
#include "host/plugins/pin.h"
#include "host/telemetry/log.h"
#include "host/workers/codes.h"

namespace tenon::workers {
namespace {

namespace asio = boost::asio;
using Clock = std::chrono::steady_clock;

LogLevel to_level(int level) {
  return level >= TENON_LOG_ERROR  ? LogLevel::kError
         : level >= TENON_LOG_WARN ? LogLevel::kWarn
         : level >= TENON_LOG_INFO ? LogLevel::kInfo
                                   : LogLevel::kDebug;
}

}  // namespace

HostReplica::HostReplica(EventLoops& loops, const ReplicaSpec& spec, ReplicaObserver& observer,
                         std::optional<CacheFolder> cache, std::shared_ptr<std::mutex> loads,
                         std::function<void(HostReplica&)> on_ended)
    : loops_(loops),
      spec_(spec),
      observer_(observer),
      cache_(std::move(cache)),
      loads_(std::move(loads)),
      on_ended_(std::move(on_ended)),
      state_(std::make_unique<SharedState>()),
      table_(*this),
      timer_(loops.control()) {
  for (std::uint32_t i = 0; i < loops.size(); ++i) {
    ports_.push_back(std::make_unique<Port>(i, loops.loop(i)));
  }
}

std::string HostReplica::subject() const {
  return "plugin '" + spec_.plugin.id + "' of " + spec_.deployment;
}

// ---- the [control] role of the plugin ----

HostReplica::~HostReplica() {
  // It has given the replica up, or nobody would destroy it.
  if (thread_.joinable()) thread_.join();
}

void HostReplica::start() {
  thread_ = std::thread(run, shared_from_this());
}

void HostReplica::run(std::shared_ptr<HostReplica> self) {
  const auto loaded = self->load();
  asio::io_context& control = self->loops_.control();
  if (loaded) {
    asio::post(control, [self] { self->on_loaded(); });
    std::unique_lock lock(self->end_mutex_);
    self->end_changed_.wait(lock, [&] { return self->unload_wanted_; });
  }
  self->unload();
  // From here on the replica is the control loop's alone, as are the timer and the ports in it.
  asio::post(control, [self = std::move(self), loaded] {
    if (!loaded && !self->faulty_) self->gone_ = {Gone::Kind::kLoadFailed, loaded.error()};
    self->finish();
  });
}

void HostReplica::end() {
  if (std::exchange(finished_, true)) return;
  timer_.cancel();
  accepting_.store(false, std::memory_order_release);
  state_->cancel_load.store(1);
  tell_unload();
  thread_.join();
}

Result<void> HostReplica::load() {
  const std::lock_guard one(*loads_);
  if (!spec_.lease.devices.empty()) {
    return fail(Code::kInvalid, subject() +
                                    " wants devices, which the host's own process never "
                                    "opens: set isolation = \"worker\"");
  }
  const auto pinned = plugins::check_pin(spec_.plugin.library, spec_.grant);
  if (!pinned) return std::unexpected(pinned.error());
  const auto library = plugins::Library::open(spec_.plugin.library, *pinned);
  if (!library) return std::unexpected(library.error());
  table_.attach(*state_, spec_.environment);
  const auto failed = [this](const char* stage, tenon_code code, const tenon_error& error) {
    Error out = to_error(code, error);
    out.message =
        subject() + " failed to " + stage + ": " + without_secrets(out.message, spec_.secrets);
    return std::unexpected(std::move(out));
  };
  const tenon_plugin_api* api = nullptr;
  tenon_error error = empty_error();
  tenon_runtime* runtime = nullptr;
  tenon_code code = library->descriptor().create(table_.api(), &api, &runtime, &error);
  if (code != TENON_OK) return failed("start", code, error);
  auto adopted = plugins::adopt_api(api, spec_.plugin.library);
  if (!adopted) return std::unexpected(adopted.error());
  loaded_.api = *adopted;
  loaded_.runtime = runtime;

  std::vector<tenon_pair> options;
  for (const auto& [name, value] : spec_.options) options.push_back({to_str(name), to_str(value)});
  tenon_model_source model{};
  model.struct_size = sizeof model;
  model.path = to_str(spec_.model_path);
  model.name = to_str(spec_.model_name);
  model.options = options.data();
  model.n_options = static_cast<std::uint32_t>(options.size());
  const auto began = Clock::now();
  error = empty_error();
  code = loaded_.api.prepare(runtime, &model, &loaded_.prepared, &error);
  if (code != TENON_OK) return failed("prepare", code, error);
  times_.prepare = Clock::now() - began;

  const LeaseView lease(spec_.lease);
  error = empty_error();
  const auto loading = Clock::now();
  code = loaded_.api.load(runtime, loaded_.prepared, &lease.table(),
                          reinterpret_cast<const std::uint32_t*>(&state_->cancel_load),
                          &loaded_.instance, &error);
  if (code != TENON_OK) return failed("load", code, error);
  if (loaded_.instance == nullptr) return fail(Code::kInternal, subject() + " loaded nothing");
  times_.map = Clock::now() - loading;
  feeder_.emplace(table_, loaded_.api, loaded_.instance);
  return {};
}

void HostReplica::unload() {
  const std::lock_guard one(*loads_);
  if (loaded_.instance != nullptr) {
    const std::lock_guard serial(feeding_);
    loaded_.api.unload(loaded_.instance);
    feeder_.reset();
  }
  if (loaded_.prepared != nullptr) loaded_.api.release(loaded_.runtime, loaded_.prepared);
  if (loaded_.runtime != nullptr) loaded_.api.destroy(loaded_.runtime);
}

void HostReplica::on_loaded() {
  if (stopping_) tell_unload();
  if (stopping_ || faulty_ || finished_) return;
  ready_ = true;
  accepting_.store(true, std::memory_order_release);
  observer_.on_ready(times_);
}

void HostReplica::tell_unload() {
  const std::lock_guard lock(end_mutex_);
  unload_wanted_ = true;
  end_changed_.notify_all();
}

// ---- requests ----

HostReplica::Port& HostReplica::port_of(RequestId id) {
  return *ports_[std::min<std::size_t>(split_id(id).loop, ports_.size() - 1)];
}

std::expected<RequestId, SubmitError> HostReplica::submit(unsigned loop, const RequestView& view,
                                                          ResponseSink& sink) {
  if (!accepting_.load(std::memory_order_acquire) || loop >= ports_.size()) {
    return std::unexpected(SubmitError::kGone);
  }
  Port& port = *ports_[loop];
  if (port.closed || port.draining) return std::unexpected(SubmitError::kGone);
  const RequestId id = port.answers.open(sink, view.credit, view.body.size());
  if (id == 0) {
    port.refused = true;
    return std::unexpected(SubmitError::kBusy);
  }
  const std::lock_guard serial(feeding_);
  Feeder::Entry& entry = feeder_->add();
  tenon_request& request = entry.request;
  request.flags = view.body_complete ? TENON_REQUEST_BODY_COMPLETE : 0;
  request.id = id;
  request.arrival_ns = view.arrival_ns;
  request.deadline_ns = view.deadline_ns;
  request.credit = view.credit;
  std::copy(view.trace_id.begin(), view.trace_id.end(), request.trace_id);
  std::copy(view.span_id.begin(), view.span_id.end(), request.span_id);
  request.method = to_str(view.method);
  request.path = to_str(view.path);
  request.query = to_str(view.query);
  request.request_id = to_str(view.request_id);
  for (const HeaderView& h : view.headers) {
    entry.headers.push_back({to_str(h.name), to_str(h.value)});
  }
  entry.body = {reinterpret_cast<const std::uint8_t*>(view.body.data()), view.body.size()};
  feeder_->flush();
  return id;
}

bool HostReplica::send_body(RequestId id, std::span<const std::byte> body, bool last) {
  AnswerTable& answers = port_of(id).answers;
  if (!answers.is_open(id)) return true;
  if (!answers.add_upload(id, body.size())) return false;
  const std::lock_guard serial(feeding_);
  if (feeder_) feeder_->body(id, body, last);
  return true;
}

void HostReplica::grant(RequestId id, std::uint64_t bytes) {
  if (bytes == 0 || !port_of(id).answers.add_credit(id, bytes)) return;
  const std::lock_guard serial(feeding_);
  if (feeder_) feeder_->credit(id, bytes);
}

void HostReplica::cancel(RequestId id) {
  if (!port_of(id).answers.is_open(id)) return;
  const std::lock_guard serial(feeding_);
  if (feeder_) feeder_->cancel(id);
}

// ---- answers ----

std::byte* HostReplica::begin(std::uint32_t loop, ResponseKind kind, std::uint16_t flags,
                              RequestId id, std::size_t payload) {
  if (loop >= ports_.size()) return nullptr;
  Port& port = *ports_[loop];
  port.mutex.lock();
  const std::size_t at = port.queue.size();
  port.queue.resize(at + sizeof(RecordHeader) + payload);
  const RecordHeader header{static_cast<std::uint32_t>(sizeof header + payload),
                            static_cast<std::uint16_t>(kind), flags, id};
  Filler(port.queue.data() + at).value(header);
  return port.queue.data() + at + sizeof header;
}

void HostReplica::end(std::uint32_t loop) {
  Port& port = *ports_[loop];
  const bool post = !std::exchange(port.scheduled, true);
  port.mutex.unlock();
  if (post) asio::post(port.context, [self = shared_from_this(), &port] { self->serve(port); });
}

void HostReplica::serve(Port& port) {
  std::vector<std::byte> records;
  {
    const std::lock_guard lock(port.mutex);
    records.swap(port.queue);
    port.scheduled = false;
  }
  Taker take(records);
  while (!port.closed && !take.rest().empty()) {
    const auto header = take.value<RecordHeader>();
    const auto payload = take.bytes(header.size - sizeof header);
    if (auto served = port.answers.on_record({header, payload}); !served) {
      fault(served.error());
      break;
    }
  }
  count(port);
  if (std::exchange(port.refused, false)) {
    observer_.on_room(port.answers.loop());
  }
}

void HostReplica::count(Port& port) {
  if (!port.draining || port.answers.size() != 0) return;
  port.draining = false;
  port.closed = true;
  asio::post(loops_.control(), [self = shared_from_this()] {
    if (++self->drained_ == self->ports_.size()) self->tell_unload();
  });
}

void HostReplica::answered() {
  if (!feeder_ || !feeder_->has_refused()) return;
  asio::post(ports_[0]->context, [self = shared_from_this()] {
    const std::lock_guard serial(self->feeding_);
    if (self->feeder_) self->feeder_->retry();
  });
}

bool HostReplica::keeps_log(int level) {
  return log::enabled(to_level(level));
}

void HostReplica::log(int level, std::string_view text, RequestId) {
  log::write(to_level(level), "plugin",
             {{"plugin", spec_.plugin.id},
              {"deployment", spec_.deployment},
              {"message", printable(without_secrets(text, spec_.secrets))}});
}

void HostReplica::progress(double done, std::string_view what) {
  if (!std::isfinite(done)) return;
  asio::post(loops_.control(), [self = shared_from_this(), done, text = printable(what, 64)] {
    if (!self->ready_ && !self->finished_) {
      self->observer_.on_progress(std::clamp(done, 0.0, 1.0), text);
    }
  });
}

void HostReplica::fault(const Error& error) {
  accepting_.store(false, std::memory_order_release);
  asio::post(loops_.control(), [self = shared_from_this(), error] {
    if (std::exchange(self->faulty_, true) || self->finished_) return;
    log::error("plugin inside the host failed",
               {{"plugin", self->spec_.plugin.id}, {"rule", error.message}});
    self->give_up("was ended: " + error.message);
  });
}

// ---- the end ----

void HostReplica::stop(milliseconds grace) {
  if (finished_) return;
  accepting_.store(false, std::memory_order_release);
  state_->cancel_load.store(1);
  if (!std::exchange(stopping_, true) && ready_) {
    for (const auto& port : ports_) {
      asio::post(port->context, [self = shared_from_this(), &port = *port] {
        port.draining = !port.closed;
        self->count(port);
      });
    }
  }
  timer_.expires_after(grace);
  timer_.async_wait([self = shared_from_this()](boost::system::error_code error) {
    if (!error && !self->finished_) self->give_up("was stopped before it answered");
  });
}

void HostReplica::give_up(const std::string& why) {
  const Error error{Code::kUnavailable, subject() + " " + why, true};
  close_ports({Failure::Kind::kDied, error}, [self = shared_from_this(), error] {
    if (self->faulty_) self->gone_ = {Gone::Kind::kDied, error};
    self->tell_unload();
  });
}

void HostReplica::finish() {
  if (std::exchange(finished_, true)) return;
  thread_.join();
  timer_.cancel();
  accepting_.store(false, std::memory_order_release);
  const Failure failure{Failure::Kind::kDied, gone_.error};
  close_ports(failure, [self = shared_from_this()] {
    if (auto ended = std::move(self->on_ended_)) ended(*self);
    self->observer_.on_gone(self->gone_);
  });
}

void HostReplica::close_ports(const Failure& failure, std::function<void()> then) {
  auto left = std::make_shared<std::size_t>(ports_.size());
  auto done = std::make_shared<std::function<void()>>(std::move(then));
  for (const auto& port : ports_) {
    asio::post(port->context, [self = shared_from_this(), &port = *port, failure, left, done] {
      self->serve(port);  // what was said before
      port.closed = true;
      port.answers.fail_all(failure);
      asio::post(self->loops_.control(), [left, done] {
        if (--*left == 0) (*done)();
      });
    });
  }
}

std::vector<PluginMetric> HostReplica::metrics() const {
  return table_.metrics().read(*state_);
}

}  // namespace tenon::workers
