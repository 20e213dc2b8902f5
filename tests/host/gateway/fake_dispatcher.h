#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "host/lifecycle/dispatcher.h"
#include "host/loop/event_loops.h"

namespace tenon::testing {

// What a test tells a fake replica to do with a request.
struct Script {
  // Of the answer. An echo sends the request's body back.
  unsigned status = 200;
  std::vector<std::pair<std::string, std::string>> headers = {{"content-type", "text/plain"}};
  std::string body;
  bool echo = true;
  bool stream = false;                                 // in many messages, as credit allows
  std::uint64_t stream_bytes = 0;                      // how many, when it does not echo
  bool answer = true;                                  // false: never
  std::uint64_t consume_per_turn = ~std::uint64_t{0};  // of the request's body
  bool consume = true;
  bool answer_early = false;                     // before the request's body is whole
  std::uint64_t fail_after = ~std::uint64_t{0};  // streamed bytes before a failure
  std::optional<workers::Failure> failure;       // instead of an answer
  std::optional<lifecycle::Refusal> refusal;
  DeploymentLimits limits;  // of the deployment
};

// Answers with so many bytes, as fast as credit allows.
inline Script streams(std::uint64_t bytes) {
  Script script;
  script.echo = false;
  script.stream = true;
  script.stream_bytes = bytes;
  return script;
}

struct Seen {
  std::string method, path, query, request_id;
  std::vector<std::pair<std::string, std::string>> headers;
  std::uint64_t body_bytes = 0;
  std::uint64_t body_hash = 0;
  std::string body;  // its first 4096 bytes
  bool passive = false;
  workers::RequestView view;  // numbers only
};

// Stands behind a gateway: one workspace "default" with models whose script the test writes.
class FakeDispatcher final : public lifecycle::Dispatcher {
 public:
  explicit FakeDispatcher(EventLoops& loops) : loops_(loops) {}

  void add(const std::string& model, Script);
  Seen last() const;
  unsigned abandoned() const { return abandoned_; }
  unsigned running() const { return running_; }
  // Most body bytes that were ever given to one flight and not consumed.
  std::uint64_t most_unconsumed() const { return most_unconsumed_; }
  std::uint64_t most_ungranted() const { return most_ungranted_; }

  std::shared_ptr<lifecycle::Target> find(std::string_view, std::string_view,
                                          std::string_view) const override;
  lifecycle::Refusal explain_missing(std::string_view, std::string_view,
                                     std::string_view) const override;
  std::shared_ptr<lifecycle::Flight> dispatch(const std::shared_ptr<lifecycle::Target>&,
                                              lifecycle::Exchange&) override;
  std::shared_ptr<lifecycle::Flight> ask(const std::shared_ptr<lifecycle::Target>&,
                                         lifecycle::Exchange&) override;
  std::vector<lifecycle::DeploymentStatus> status() const override { return {}; }

 private:
  friend class FakeFlight;
  struct FakeTarget;

  std::shared_ptr<lifecycle::Flight> launch(const std::shared_ptr<lifecycle::Target>&,
                                            lifecycle::Exchange&, bool passive);

  EventLoops& loops_;
  std::vector<std::shared_ptr<FakeTarget>> targets_;
  mutable std::mutex mutex_;
  Seen last_;
  std::atomic<unsigned> abandoned_{0}, running_{0};
  std::atomic<std::uint64_t> most_unconsumed_{0}, most_ungranted_{0};
};

std::uint64_t hash_bytes(std::uint64_t hash, std::string_view bytes);

}  // namespace tenon::testing
