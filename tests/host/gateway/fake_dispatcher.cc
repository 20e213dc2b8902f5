#include "tests/host/gateway/fake_dispatcher.h"

#include <algorithm>
#include <boost/asio/post.hpp>

namespace tenon::testing {

using lifecycle::Exchange;

std::uint64_t hash_bytes(std::uint64_t hash, std::string_view bytes) {
  for (const char c : bytes) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return hash;
}

struct FakeDispatcher::FakeTarget final : lifecycle::Target {
  FakeTarget(const std::string& model, Script what) : script(std::move(what)) {
    spec_.key = {"default", model, "production"};
    spec_.limits = script.limits;
    manifest_.passive = {"/health"};
  }
  const DeploymentSpec& spec() const override { return spec_; }
  const plugins::Manifest& plugin() const override { return manifest_; }

  Script script;

 private:
  DeploymentSpec spec_;
  plugins::Manifest manifest_;
};

// Plays the script on the exchange's loop, one step for each turn.
class FakeFlight final : public lifecycle::Flight, public std::enable_shared_from_this<FakeFlight> {
 public:
  FakeFlight(FakeDispatcher& owner, boost::asio::io_context& loop, Exchange& exchange,
             Script script, bool passive)
      : owner_(owner), loop_(loop), exchange_(&exchange), script_(std::move(script)) {
    seen_.passive = passive;
    ++owner_.running_;
  }
  ~FakeFlight() override { --owner_.running_; }

  void later(void (FakeFlight::*step)()) {
    boost::asio::post(loop_, [self = shared_from_this(), step] {
      if (self->exchange_) (*self.*step)();
    });
  }

  void submit() {
    if (script_.refusal) return std::exchange(exchange_, nullptr)->on_refused(*script_.refusal);
    const workers::RequestView view = exchange_->view();
    seen_.view = view;
    seen_.method = view.method;
    seen_.path = view.path;
    seen_.query = view.query;
    seen_.request_id = view.request_id;
    for (const auto& header : view.headers) seen_.headers.emplace_back(header.name, header.value);
    credit_ = view.credit;
    arrive({reinterpret_cast<const char*>(view.body.data()), view.body.size()}, view.body_complete);
    if (!view.body_complete && exchange_) exchange_->on_submitted();
  }

  bool send_body(std::span<const std::byte> bytes, bool last) override {
    if (!script_.consume && pending_ + bytes.size() > workers::kUploadWindow) return false;
    arrive({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, last);
    return true;
  }

  void grant(std::uint64_t bytes) override {
    credit_ += bytes;
    ungranted_ -= std::min(ungranted_, bytes);
    if (streaming_) later(&FakeFlight::stream);
  }

  void abandon() override {
    if (std::exchange(exchange_, nullptr)) ++owner_.abandoned_;
  }

 private:
  void arrive(std::string_view piece, bool last) {
    seen_.body_hash = hash_bytes(seen_.body_hash, piece);
    seen_.body_bytes += piece.size();
    if (seen_.body.size() < 4096) seen_.body.append(piece.substr(0, 4096 - seen_.body.size()));
    if (script_.echo) echo_.append(piece);
    pending_ += piece.size();
    note_most(owner_.most_unconsumed_, pending_);
    if (script_.consume && pending_ != 0) later(&FakeFlight::consume);
    whole_ = whole_ || last;
    if (!begun_ && (whole_ || script_.answer_early)) {
      begun_ = true;
      publish();
      if (script_.answer) later(&FakeFlight::answer);
    }
    publish();
  }

  void publish() {
    const std::lock_guard lock(owner_.mutex_);
    owner_.last_ = seen_;
  }

  static void note_most(std::atomic<std::uint64_t>& most, std::uint64_t now) {
    std::uint64_t before = most;
    while (now > before && !most.compare_exchange_weak(before, now)) {
    }
  }

  void consume() {
    const std::uint64_t bytes = std::min(pending_, script_.consume_per_turn);
    pending_ -= bytes;
    if (bytes != 0) exchange_->on_consumed(bytes);
    if (pending_ != 0 && exchange_) later(&FakeFlight::consume);
  }

  void answer() {
    workers::ResponseMessage message;
    if (script_.failure && !script_.stream) {
      message.failure = &*script_.failure;
      message.final = true;
      return std::exchange(exchange_, nullptr)->on_response(message);
    }
    std::vector<workers::HeaderView> views;
    for (const auto& [name, value] : script_.headers) views.push_back({name, value});
    message.status = script_.status;
    message.headers = views;
    if (!script_.stream) {
      if (script_.echo) script_.body = std::move(echo_);
      message.body = std::as_bytes(std::span(script_.body));
      message.final = true;
      return std::exchange(exchange_, nullptr)->on_response(message);
    }
    streaming_ = true;
    left_ = script_.echo ? echo_.size() : script_.stream_bytes;
    exchange_->on_response(message);
    later(&FakeFlight::stream);
  }

  void stream() {
    const std::uint64_t size = std::min({left_, credit_, std::uint64_t{16'384}});
    if (size == 0 && left_ != 0) return;  // until the next grant
    workers::ResponseMessage message;
    std::string piece(size, 's');
    if (script_.echo) piece = echo_.substr(echo_.size() - left_, size);
    left_ -= size;
    credit_ -= size;
    ungranted_ += size;
    streamed_ += size;
    note_most(owner_.most_ungranted_, ungranted_);
    if (streamed_ >= script_.fail_after) {
      message.failure = &*script_.failure;
      message.final = true;
      return std::exchange(exchange_, nullptr)->on_response(message);
    }
    message.body = std::as_bytes(std::span(piece));
    message.final = left_ == 0;
    if (message.final) return std::exchange(exchange_, nullptr)->on_response(message);
    exchange_->on_response(message);
    if (exchange_ && credit_ != 0) later(&FakeFlight::stream);
  }

  FakeDispatcher& owner_;
  boost::asio::io_context& loop_;
  Exchange* exchange_;
  Script script_;
  Seen seen_;
  std::string echo_;
  std::uint64_t pending_ = 0, credit_ = 0, ungranted_ = 0, left_ = 0, streamed_ = 0;
  bool whole_ = false, begun_ = false, streaming_ = false;
};

void FakeDispatcher::add(const std::string& model, Script script) {
  targets_.push_back(std::make_shared<FakeTarget>(model, std::move(script)));
}

Seen FakeDispatcher::last() const {
  const std::lock_guard lock(mutex_);
  return last_;
}

std::shared_ptr<lifecycle::Target> FakeDispatcher::find(std::string_view workspace,
                                                        std::string_view model,
                                                        std::string_view environment) const {
  for (const auto& target : targets_) {
    const DeploymentKey& key = target->spec().key;
    if (key.workspace == workspace && key.model == model && key.environment == environment) {
      return target;
    }
  }
  return nullptr;
}

lifecycle::Refusal FakeDispatcher::explain_missing(std::string_view, std::string_view model,
                                                   std::string_view) const {
  lifecycle::Refusal refusal;
  refusal.error = {Code::kNotFound, "there is no model \"" + std::string(model) + "\""};
  refusal.reason = "WORKLOAD_NOT_FOUND";
  refusal.status = 404;
  return refusal;
}

std::shared_ptr<lifecycle::Flight> FakeDispatcher::launch(
    const std::shared_ptr<lifecycle::Target>& target, Exchange& exchange, bool passive) {
  auto flight = std::make_shared<FakeFlight>(*this, loops_.loop(exchange.loop()), exchange,
                                             static_cast<FakeTarget&>(*target).script, passive);
  flight->later(&FakeFlight::submit);
  return flight;
}

std::shared_ptr<lifecycle::Flight> FakeDispatcher::dispatch(
    const std::shared_ptr<lifecycle::Target>& target, Exchange& exchange) {
  return launch(target, exchange, false);
}

std::shared_ptr<lifecycle::Flight> FakeDispatcher::ask(
    const std::shared_ptr<lifecycle::Target>& target, Exchange& exchange) {
  return launch(target, exchange, true);
}

}  // namespace tenon::testing
