#include "host/workers/worker_replica.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <cmath>
#include <cstring>

#include "host/domain/units.h"
#include "host/telemetry/log.h"
#include "host/workers/codes.h"
#include "host/workers/process_memory.h"

namespace tenon::workers {
namespace {

namespace asio = boost::asio;

constexpr unsigned kLogLinesPerTick = 200;
constexpr unsigned kTicksPerMemory = 10;

std::uint64_t ns_of(std::chrono::steady_clock::time_point when) {
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::nanoseconds>(when.time_since_epoch()).count());
}

}  // namespace

WorkerReplica::WorkerReplica(EventLoops& loops, const ReplicaSpec& spec,
                             const Supervision& supervision, ReplicaObserver& observer,
                             std::function<void(WorkerReplica&)> on_ended)
    : loops_(loops),
      spec_(spec),
      supervision_(supervision),
      observer_(observer),
      on_ended_(std::move(on_ended)),
      timer_(loops.control()) {}

std::string WorkerReplica::subject() const {
  return "plugin '" + spec_.plugin.id + "' of " + spec_.deployment;
}

Result<void> WorkerReplica::prepare(std::vector<std::string> readable,
                                    std::optional<CacheFolder> cache, std::uint64_t spin_ns) {
  start_.layout.loops = std::min(loops_.size(), kMaxLoops);
  start_.model = {spec_.model_path, spec_.model_name, spec_.options};
  start_.environment = spec_.environment;
  start_.readable = std::move(readable);
  start_.lease = spec_.lease;
  start_.spin_ns = spin_ns;
  if (encode(message::ToProcess(start_)).size() > kMaxMessageBytes) {
    return fail(Code::kInvalid, "options and environment of " + spec_.deployment +
                                    " are larger than " + std::to_string(kMaxMessageBytes) +
                                    " bytes");
  }
  auto region = SharedRegion::create(start_.layout);
  if (!region) return std::unexpected(region.error());
  region_.emplace(std::move(*region));
  queue_ = std::make_unique<RequestQueue>(region_->requests());
  for (std::uint32_t i = 0; i < start_.layout.loops; ++i) {
    Descriptor bell(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!bell) return fail(Code::kExhausted, std::string("eventfd: ") + std::strerror(errno), true);
    Descriptor copy(::fcntl(bell.get(), F_DUPFD_CLOEXEC, 0));
    ports_.push_back(std::make_shared<LoopPort>(i, loops_.loop(i), *queue_, region_->responses(i),
                                                std::move(copy), *this));
    bells_.push_back(std::move(bell));
  }
  cache_ = std::move(cache);
  auto pair = Channel::pair();
  if (!pair) return std::unexpected(pair.error());
  cache_channel_ = std::move(pair->first);
  cache_channel_peer_ = std::move(pair->second);
  return {};
}

void WorkerReplica::attach(std::shared_ptr<Child> child, bool from_template) {
  if (state_ == State::kGone || state_ == State::kStopping) {
    child->forget();
    return;
  }
  if (child_) child_->forget();
  child_ = std::move(child);
  times_.from_template = from_template;
  // Without a folder the worker gets a descriptor in which nothing is found.
  std::vector<int> fds{region_->fd(), cache_ ? cache_->fd() : cache_channel_peer_.fd(),
                       cache_channel_peer_.fd()};
  for (const Descriptor& bell : bells_) fds.push_back(bell.get());
  if (!child_->send(start_, fds)) end(Gone::Kind::kLoadFailed, "it took no start message");
  if (!cache_readable_) {
    cache_readable_ = std::make_unique<asio::posix::stream_descriptor>(
        loops_.control(), ::fcntl(cache_channel_.fd(), F_DUPFD_CLOEXEC, 0));
    serve_cache();
  }
}

void WorkerReplica::alive() {
  times_.fork = Clock::now() - launched_;
  pid_.store(child_->pid(), std::memory_order_relaxed);
  bells_.clear();
  cache_channel_peer_.close();
  region_->close_fd();
}

void WorkerReplica::give_up(Error error) {
  if (state_ == State::kGone) return;
  load_error_ = std::move(error);
  if (child_) child_->forget();
  asio::post(loops_.control(), [self = shared_from_this()] {
    self->finish({false, self->load_error_.message, std::nullopt});
  });
}

std::expected<RequestId, SubmitError> WorkerReplica::submit(unsigned loop, const RequestView& view,
                                                            ResponseSink& sink) {
  if (!accepting_.load(std::memory_order_acquire) || loop >= ports_.size()) {
    return std::unexpected(SubmitError::kGone);
  }
  return ports_[loop]->submit(view, sink);
}

LoopPort& WorkerReplica::port_of(RequestId id) {
  return *ports_[std::min<std::size_t>(split_id(id).loop, ports_.size() - 1)];
}

bool WorkerReplica::send_body(RequestId id, std::span<const std::byte> body, bool last) {
  return port_of(id).send_body(id, body, last);
}
void WorkerReplica::grant(RequestId id, std::uint64_t bytes) {
  port_of(id).grant(id, bytes);
}
void WorkerReplica::cancel(RequestId id) {
  port_of(id).cancel(id);
}

// ---- what comes from the event loops ----

void WorkerReplica::on_violation(std::string rule) {
  accepting_.store(false, std::memory_order_release);
  asio::post(loops_.control(), [self = shared_from_this(), rule = std::move(rule)] {
    self->end(Gone::Kind::kProtocol, rule);
  });
}

void WorkerReplica::on_room(std::uint32_t loop) {
  observer_.on_room(loop);
}

void WorkerReplica::on_drained(std::uint32_t) {
  asio::post(loops_.control(), [self = shared_from_this()] {
    if (++self->drained_ >= self->ports_.size()) self->tell_stop();
  });
}

// ---- what comes from the process ----

void WorkerReplica::on_message(message::ToHost&& message) {
  std::visit([this](auto& m) { on(m); }, message);
}

void WorkerReplica::on_garbage(const Error& error) {
  end(Gone::Kind::kProtocol, error.message);
}

void WorkerReplica::on(message::Opened& opened) {
  for (const std::string& part : opened.missing) {
    log::warn("sandbox part missing", {{"plugin", spec_.plugin.id}, {"part", printable(part)}});
  }
  alive();
}

void WorkerReplica::on(message::Hello&) {
  alive();
}

void WorkerReplica::on(message::Progress& progress) {
  if (state_ != State::kStarting || !std::isfinite(progress.done)) return;
  observer_.on_progress(std::clamp(progress.done, 0.0, 1.0), printable(progress.what, 64));
}

void WorkerReplica::on(message::Ready& ready) {
  if (state_ != State::kStarting) return;
  state_ = State::kReady;
  const auto took = Clock::now() - launched_;
  const auto bounded = [took](std::uint64_t ns) {
    return std::min<std::chrono::nanoseconds>(
        std::chrono::nanoseconds(static_cast<std::int64_t>(ns & ~(1ULL << 63))), took);
  };
  times_.prepare = bounded(ready.prepare_ns);
  times_.map = bounded(ready.load_ns);
  moved_ = Clock::now();
  for (const auto& port : ports_) {
    asio::post(port->context(), [port, self = shared_from_this()] { port->listen(self); });
  }
  accepting_.store(true, std::memory_order_release);
  observer_.on_ready(times_);
  asio::post(loops_.control(), [self = shared_from_this()] { self->read_memory(); });
}

void WorkerReplica::on(message::Failed& failed) {
  if (state_ != State::kStarting) return;
  load_error_ = {failed.error.code,
                 subject() + " failed to " + printable(failed.stage, 32) + ": " +
                     printable(own(failed.error.message)),
                 failed.error.retryable};
  if (child_) child_->kill();
}

std::string WorkerReplica::own(std::string_view text) const {
  return without_secrets(text, spec_.secrets);
}

void WorkerReplica::on(message::Log& line) {
  if (++logs_this_tick_ > kLogLinesPerTick) {
    if (logs_this_tick_ == kLogLinesPerTick + 1) {
      log::warn("plugin logs too much, lines are dropped", {{"plugin", spec_.plugin.id}});
    }
    return;
  }
  const auto level = line.level >= TENON_LOG_ERROR  ? LogLevel::kError
                     : line.level >= TENON_LOG_WARN ? LogLevel::kWarn
                     : line.level >= TENON_LOG_INFO ? LogLevel::kInfo
                                                    : LogLevel::kDebug;
  if (log::enabled(level)) {
    log::write(level, "plugin",
               {{"plugin", spec_.plugin.id},
                {"deployment", spec_.deployment},
                {"message", printable(own(line.text))}});
  }
}

void WorkerReplica::on(message::Fault& fault) {
  end(Gone::Kind::kDied, "fault: " + printable(own(fault.error.message)));
}

void WorkerReplica::on(message::Metric& metric) {
  if (state_ != State::kStarting) {
    end(Gone::Kind::kProtocol, "a metric defined after load");
  } else if (auto defined = metrics_.define(metric.definition); !defined) {
    end(Gone::Kind::kProtocol, defined.error().message);
  }
}

void WorkerReplica::on(message::Pong& pong) {
  pinged_.reset();
  ill_ = pong.code == 0 ? 0 : ill_ + 1;
  if (ill_ == 3) end(Gone::Kind::kDied, "health: " + printable(own(pong.text)));
}

void WorkerReplica::on(message::Forked&) {
  end(Gone::Kind::kProtocol, "forked is not for it to say");
}
void WorkerReplica::on(message::Estimated&) {
  end(Gone::Kind::kProtocol, "an estimate that nobody asked for");
}

void WorkerReplica::on(message::Probed&) {
  end(Gone::Kind::kProtocol, "a probe that nobody asked for");
}

// ---- the end ----

void WorkerReplica::end(Gone::Kind kind, std::string rule) {
  accepting_.store(false, std::memory_order_release);
  if (reason_ || state_ == State::kGone) return;
  const std::string text =
      subject() +
      (kind == Gone::Kind::kProtocol ? " broke a rule of the ABI: " + rule : " was ended: " + rule);
  log::error("worker ended", {{"plugin", spec_.plugin.id},
                              {"deployment", spec_.deployment},
                              {"pid", pid()},
                              {"rule", rule}});
  reason_ = Gone{kind, {Code::kUnavailable, text, true}};
  if (child_) child_->kill();
}

void WorkerReplica::on_exit(const ExitStatus& status) {
  finish(status);
}

std::string WorkerReplica::how_it_ended(const ExitStatus& status) const {
  if (!status.memory_limit) return status.text;
  const std::uint64_t estimated = spec_.lease.estimated_bytes;
  return "killed by its memory limit of " + size_text(*status.memory_limit) + "; " +
         (estimated == 0 ? "its plugin made no estimate"
                         : "its plugin estimated " + size_text(estimated)) +
         "; memory in [deployment.limits] sets another";
}

void WorkerReplica::finish(const ExitStatus& status) {
  if (state_ == State::kGone) return;
  const State before = std::exchange(state_, State::kGone);
  accepting_.store(false, std::memory_order_release);
  timer_.cancel();
  const std::string how = how_it_ended(status);
  Gone gone;
  if (reason_) {
    gone = *reason_;
    if (before == State::kStarting && gone.kind == Gone::Kind::kDied) {
      gone.kind = Gone::Kind::kLoadFailed;
    }
  } else if (before == State::kStarting && !load_error_.message.empty()) {
    gone = {Gone::Kind::kLoadFailed, load_error_};
  } else if (before == State::kStarting) {
    gone = {Gone::Kind::kLoadFailed,
            {Code::kUnavailable, subject() + " ended while it loaded: " + how, true}};
  } else if (before != State::kStopping) {
    gone = {Gone::Kind::kDied,
            {Code::kUnavailable, subject() + " ended unexpectedly: " + how, true}};
    log::error("worker died", {{"plugin", spec_.plugin.id},
                               {"deployment", spec_.deployment},
                               {"pid", pid()},
                               {"how", how}});
  }
  if (cache_readable_) {
    boost::system::error_code ignored;
    cache_readable_->close(ignored);
  }
  const bool stopped = gone.kind == Gone::Kind::kStopped;
  const Failure failure{
      gone.kind == Gone::Kind::kProtocol ? Failure::Kind::kProtocol : Failure::Kind::kDied,
      stopped ? Error{Code::kUnavailable, subject() + " was stopped before it answered", true}
              : gone.error};
  close_ports(failure, [self = shared_from_this(), gone] {
    self->child_.reset();
    if (auto ended = std::move(self->on_ended_)) ended(*self);
    self->observer_.on_gone(gone);
  });
}

void WorkerReplica::close_ports(const Failure& failure, std::function<void()> then) {
  if (ports_.empty()) {
    asio::post(loops_.control(), std::move(then));
    return;
  }
  auto left = std::make_shared<std::size_t>(ports_.size());  // counted on the control loop
  auto done = std::make_shared<std::function<void()>>(std::move(then));
  for (const auto& port : ports_) {
    asio::post(port->context(), [this, self = shared_from_this(), port, failure, left, done] {
      port->close(failure);
      asio::post(loops_.control(), [self, left, done] {
        if (--*left == 0) (*done)();
      });
    });
  }
}

void WorkerReplica::stop(milliseconds grace) {
  if (state_ == State::kGone) return;
  accepting_.store(false, std::memory_order_release);
  const bool was_ready = state_ == State::kReady;
  if (state_ != State::kStopping) {
    state_ = State::kStopping;
    region_ && (region_->state().cancel_load.store(1), true);
    deadline_ = Clock::now() + grace;
    if (!child_) {  // still waits for its template
      finish({true, "stopped", std::nullopt});
      return;
    }
    if (was_ready && grace.count() > 0) {
      for (const auto& port : ports_) asio::post(port->context(), [port] { port->drain(); });
    } else if (grace.count() > 0) {
      tell_stop();
    }
  }
  deadline_ = std::min(deadline_, Clock::now() + grace);
  if (grace.count() == 0) {
    child_->kill();
    return;
  }
  timer_.expires_at(stop_told_ ? std::max(deadline_, Clock::now() + supervision_.unload_limit)
                               : deadline_);
  timer_.async_wait([self = shared_from_this()](boost::system::error_code error) {
    if (!error && self->child_) self->child_->kill();
  });
}

void WorkerReplica::tell_stop() {
  if (stop_told_ || state_ != State::kStopping || !child_) return;
  stop_told_ = true;
  const auto until = std::max(deadline_, Clock::now() + supervision_.unload_limit);
  if (!child_->send(message::Stop{ns_of(until)})) child_->kill();
  timer_.expires_at(until);
  timer_.async_wait([self = shared_from_this()](boost::system::error_code error) {
    if (!error && self->child_) self->child_->kill();
  });
}

// ---- watching ----

void WorkerReplica::tick() {
  logs_this_tick_ = 0;
  if (state_ != State::kReady) return;
  if (++ticks_ % kTicksPerMemory == 0) read_memory();
  for (const auto& port : ports_) {
    asio::post(port->context(), [port] { port->look_again(); });
  }
  const auto now = Clock::now();
  std::uint32_t open = 0;
  for (const auto& port : ports_) open += port->open();
  std::uint64_t tail = 0;
  bool waits = false;
  bool broken = false;
  {
    const std::lock_guard lock(queue_->mutex);
    tail = queue_->writer.read_position();
    waits = tail != queue_->writer.position();
    broken = queue_->writer.is_broken();
  }
  if (broken) {
    end(Gone::Kind::kProtocol, "the request ring's read position is impossible");
    return;
  }
  if (tail != last_tail_ || !waits) moved_ = now;
  last_tail_ = tail;
  if (now - moved_ > supervision_.submit_limit) {
    end(Gone::Kind::kProtocol, "blocks in submit: requests wait and none was taken for " +
                                   std::to_string(supervision_.submit_limit.count()) + " ms");
  } else if (pinged_ && now - *pinged_ > supervision_.heartbeat_limit) {
    end(Gone::Kind::kProtocol, "no answer to a heartbeat for " +
                                   std::to_string(supervision_.heartbeat_limit.count()) + " ms");
  } else if (open > 0 && !pinged_ && child_->send(message::Ping{})) {
    pinged_ = now;
  }
}

void WorkerReplica::read_memory() {
  if (pid() != 0 && state_ != State::kGone) {
    memory_.store(process_memory(pid()), std::memory_order_relaxed);
  }
}

std::uint64_t WorkerReplica::device_bytes(std::size_t ordinal) const {
  if (!region_ || ordinal >= spec_.lease.devices.size()) return 0;
  return region_->state().device_bytes[ordinal].load(std::memory_order_relaxed);
}

std::vector<PluginMetric> WorkerReplica::metrics() const {
  return region_ ? metrics_.read(region_->state()) : std::vector<PluginMetric>{};
}

void WorkerReplica::serve_cache() {
  cache_readable_->async_wait(
      asio::posix::stream_descriptor::wait_read,
      [self = shared_from_this()](boost::system::error_code error) {
        Packet packet;
        if (error || self->state_ == State::kGone) return;
        const auto got = self->cache_channel_.receive(packet, false);
        if (got == Channel::Received::kGone) return;
        if (got == Channel::Received::kPacket) {
          const auto call = message::decode_cache_call(packet.bytes);
          message::CacheAnswer answer{TENON_INVALID};
          Descriptor made;
          if (!self->cache_) {
            answer.code = TENON_UNAVAILABLE;
          } else if (call && is_cache_name(call->name) && packet.fds.size() == 1) {
            answer.code = self->cache_->publish(call->name, packet.fds[0].get());
          } else if (call && is_cache_name(call->name) && packet.fds.empty()) {
            std::int32_t fd = -1;
            answer.code = self->cache_->create(call->name, fd);
            made.reset(fd);
          }
          const int fd = made.get();
          self->cache_channel_.send(encode(answer), std::span(&fd, made ? 1 : 0));
        }
        self->serve_cache();
      });
}

}  // namespace tenon::workers
