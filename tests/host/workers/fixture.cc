#include "tests/host/workers/fixture.h"

#include <filesystem>
#include <fstream>

namespace tenon::workers {

WorkersTest::WorkersTest(Supervision supervision, bool sandbox, milliseconds question_limit) {
  data_ = build_dir() + "/tests/workers-" + std::to_string(::getpid());
  std::filesystem::create_directories(data_ + "/model");
  std::ofstream(data_ + "/model/config.json") << "{}";
  loops_.start();
  LauncherOptions options;
  options.processes.worker = build_dir() + "/bin/tenon-worker";
  options.processes.data = data_ + "/data";
  options.processes.model_roots = {data_};
  options.processes.sandbox = sandbox;
  options.supervision = supervision;
  options.question_limit = question_limit;
  launcher_ = std::make_unique<Launcher>(loops_, std::move(options));
}

WorkersTest::~WorkersTest() {
  on_control([this] { launcher_.reset(); });
  loops_.stop();
  loops_.join();
  std::error_code ignored;
  std::filesystem::remove_all(data_, ignored);
}

ReplicaSpec WorkersTest::spec(const std::string& plugin) {
  ReplicaSpec spec;
  spec.deployment = "default/" + plugin + "@production";
  spec.plugin.id = plugin;
  // The samples lie with the real plugins, the faulty ones elsewhere.
  const std::string folder = plugin == "echo" ? "/plugins/" : "/test-plugins/";
  spec.plugin.library = build_dir() + folder + plugin + "/tenon_" + plugin + ".so";
  spec.model_name = plugin;
  spec.model_path = build_dir() + "/tests/workers-" + std::to_string(::getpid()) + "/model";
  return spec;
}

std::shared_ptr<Replica> WorkersTest::launch(const ReplicaSpec& spec, Observer& observer) {
  return on_control([&] { return launcher_->launch(spec, observer); });
}

std::shared_ptr<Replica> WorkersTest::ready(const ReplicaSpec& spec, Observer& observer) {
  auto replica = launch(spec, observer);
  observer.ready.get();
  return replica;
}

RequestId WorkersTest::submit(Replica& replica, const Call& call, Sink& sink) {
  return on_loop(call.loop, [&]() -> RequestId {
    const HeaderView header{"content-type", "text/plain"};
    RequestView view;
    view.method = call.method;
    view.path = call.path;
    view.query = call.query;
    view.request_id = "r-1";
    view.headers = {&header, 1};
    view.body = std::as_bytes(std::span(call.body));
    view.body_complete = call.complete;
    view.credit = call.credit;
    const auto id = replica.submit(call.loop, view, sink);
    return id.value_or(0);
  });
}

Answer WorkersTest::ask(Replica& replica, const Call& call) {
  Sink sink;
  if (submit(replica, call, sink) == 0) {
    ADD_FAILURE() << "the request was refused";
    return {};
  }
  return sink.answer.get();
}

void WorkersTest::stop(Replica& replica, Observer& observer, milliseconds grace) {
  on_control([&] { replica.stop(grace); });
  observer.gone.get();
}

}  // namespace tenon::workers
