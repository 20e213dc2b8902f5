#include "tests/host/lifecycle/house.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace tenon::lifecycle::testing {
namespace {

constexpr std::chrono::seconds kVeryLong{20};

}  // namespace

Client::Client(EventLoops& loops, unsigned loop, std::string body, std::string path)
    : loops_(loops), loop_(loop), body_(std::move(body)), path_(std::move(path)) {}

workers::RequestView Client::view() {
  workers::RequestView view;
  view.method = "GET";
  view.path = path_;
  view.body = std::as_bytes(std::span(body_));
  view.body_complete = complete;
  return view;
}

void Client::on_submitted() {
  EXPECT_FALSE(inside_call_) << "called from inside the dispatcher";
  EXPECT_FALSE(complete) << "nothing is left to send";
  send_rest();
}

void Client::on_room() {
  send_rest();
}

void Client::send_rest() {
  if (flight->send_body(std::as_bytes(std::span(rest)), true)) restartable = false;
}

void Client::on_response(const workers::ResponseMessage& message) {
  EXPECT_FALSE(inside_call_) << "called from inside the dispatcher";
  EXPECT_FALSE(over_.load()) << "called after the last call";
  if (message.status != 0) outcome_.status = message.status;
  outcome_.revision = flight->revision();
  for (const auto& h : message.headers) outcome_.headers.emplace_back(h.name, h.value);
  outcome_.body.append(reinterpret_cast<const char*>(message.body.data()), message.body.size());
  answering_ = true;
  restartable = false;
  if (message.failure) {
    outcome_.failed = true;
    outcome_.message = message.failure->error.message;
  }
  if (message.final) end();
}

void Client::on_refused(const Refusal& refusal) {
  EXPECT_FALSE(inside_call_) << "called from inside the dispatcher";
  EXPECT_FALSE(over_.load()) << "called after the last call";
  outcome_.status = refusal.status;
  outcome_.reason = refusal.reason;
  outcome_.message = refusal.error.message;
  outcome_.retry_after = refusal.retry_after;
  outcome_.load_done = refusal.load_done;
  end();
}

void Client::end() {
  over_ = true;
  promise_.set_value(outcome_);
}

Outcome Client::wait() {
  auto future = promise_.get_future();
  if (future.wait_for(kVeryLong) != std::future_status::ready) {
    ADD_FAILURE() << "no answer to " << body_;
    return {};
  }
  return future.get();
}

void Client::abandon() {
  std::promise<void> done;
  boost::asio::post(loops_.loop(loop_), [&] {
    if (flight) flight->abandon();
    flight.reset();
    done.set_value();
  });
  done.get_future().wait();
}

void Diary::on_event(const DeploymentKey&, const LifeEvent& event) {
  const std::lock_guard lock(mutex_);
  events_.push_back(event);
}

void Diary::on_revision(const DeploymentKey&, std::uint64_t number, Outcome outcome,
                        std::string_view reason) {
  const std::lock_guard lock(mutex_);
  revisions_.push_back(std::to_string(number) + (outcome == Outcome::kReady ? " ready"
                                                 : outcome == Outcome::kReadyAsCanary
                                                     ? " ready as canary"
                                                     : " failed: " + std::string(reason)));
}

std::vector<std::string> Diary::revisions() const {
  const std::lock_guard lock(mutex_);
  return revisions_;
}

std::vector<LifeEvent> Diary::events(LifeEvent::Type type) const {
  const std::lock_guard lock(mutex_);
  std::vector<LifeEvent> found;
  for (const LifeEvent& e : events_) {
    if (e.type == type) found.push_back(e);
  }
  return found;
}

std::vector<LifeEvent::Type> Diary::types() const {
  const std::lock_guard lock(mutex_);
  std::vector<LifeEvent::Type> types;
  for (const LifeEvent& e : events_) types.push_back(e.type);
  return types;
}

std::vector<Phase> Diary::phases() const {
  std::vector<Phase> phases;
  for (const LifeEvent& e : events(LifeEvent::Type::kState)) phases.push_back(e.phase);
  return phases;
}

House::House(unsigned n) : loops(n) {
  options.limits = {100, 0};
  options.cpus.usable = 2;
  options.cpus.flavor = {FlavorType::kCpu, "x86"};
  options.devices_held = [this](bool any) { devices_held = any; };
  deployments =
      std::make_unique<Deployments>(loops, launcher, clock, metrics, options, &diary, &meter);
  loops.start();
}

House::~House() {
  std::promise<void> done;
  boost::asio::post(loops.control(),
                    [&] { deployments->shutdown(milliseconds(0), [&] { done.set_value(); }); });
  EXPECT_EQ(done.get_future().wait_for(kVeryLong), std::future_status::ready)
      << "the shutdown does not end";
  settle();
  loops.stop();
  loops.join();
}

Wanted House::wanted(const std::string& model, const Scale& scale, const DeploymentLimits& limits) {
  auto manifest = std::make_shared<plugins::Manifest>();
  manifest->id = "fake";
  manifest->passive = {"/health", "/info"};
  manifest->health = {"/health"};
  DeploymentSpec spec;
  spec.key = {"default", model, "production"};
  spec.runtime = "fake";
  spec.model_path = "/models/" + model;
  spec.scale = scale;
  spec.limits = limits;
  return {{std::make_shared<const DeploymentSpec>(std::move(spec)), std::move(manifest),
           std::make_shared<const PluginGrant>(), std::make_shared<const Options>()}};
}

Wanted House::revision(const std::string& model, std::uint64_t number, const std::string& value,
                       const Scale& scale) {
  Wanted wanted = House::wanted(model, scale);
  wanted.blueprint.options = shared({{"option", value}});
  wanted.revision = number;
  return wanted;
}

std::shared_ptr<const Options> House::shared(Options options) {
  return std::make_shared<const Options>(std::move(options));
}

void House::change(Wanted& wanted, const std::function<void(DeploymentSpec&)>& change) {
  auto spec = std::make_shared<DeploymentSpec>(*wanted.blueprint.spec);
  change(*spec);
  wanted.blueprint.spec = std::move(spec);
}

void House::apply(std::vector<Wanted> wanted) {
  std::promise<void> done;
  boost::asio::post(loops.control(), [&] {
    deployments->apply(std::move(wanted));
    done.set_value();
  });
  done.get_future().wait();
}

void House::limits(unsigned replicas, std::uint64_t bytes) {
  std::promise<void> done;
  boost::asio::post(loops.control(), [&] {
    deployments->set_limits({replicas, bytes}, milliseconds(1000));
    done.set_value();
  });
  done.get_future().wait();
}

void House::gpus(devices::Gpus gpus) {
  std::promise<void> done;
  boost::asio::post(loops.control(), [&] {
    deployments->set_gpus(std::move(gpus));
    done.set_value();
  });
  done.get_future().wait();
}

std::shared_ptr<Client> House::send(const std::string& model, std::string body, unsigned loop) {
  auto client = std::make_shared<Client>(loops, loop, std::move(body));
  send(client, model);
  return client;
}

void House::send(const std::shared_ptr<Client>& client, const std::string& model) {
  boost::asio::post(loops.loop(client->loop()), [this, client, model] {
    const auto target = deployments->find("default", model, "production");
    ASSERT_NE(target, nullptr) << model;
    client->inside_call_ = true;
    client->flight = deployments->dispatch(target, *client);
    client->inside_call_ = false;
  });
}

std::shared_ptr<Client> House::ask(const std::string& model, std::string path, unsigned loop) {
  auto client = std::make_shared<Client>(loops, loop, "", std::move(path));
  boost::asio::post(loops.loop(loop), [this, client, model] {
    const auto target = deployments->find("default", model, "production");
    client->inside_call_ = true;
    client->flight = deployments->ask(target, *client);
    client->inside_call_ = false;
  });
  return client;
}

DeploymentStatus House::status(const std::string& model) {
  for (const DeploymentStatus& status : deployments->status()) {
    if (status.key.model == model) return status;
  }
  ADD_FAILURE() << "no status of " << model;
  return {};
}

void House::settle() {
  for (int round = 0; round < 8; ++round) {
    for (unsigned i = 0; i <= loops.size(); ++i) {
      std::promise<void> done;
      boost::asio::post(i == loops.size() ? loops.control() : loops.loop(i),
                        [&] { done.set_value(); });
      done.get_future().wait();
    }
  }
}

}  // namespace tenon::lifecycle::testing
