#pragma once

#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>

#include "host/workers/replica.h"
#include "host/workers/templates.h"

namespace tenon::workers {

// One question to a plugin about a model, in a process that ends with it. [control]
class EstimateRun final : public Child::Handler, public std::enable_shared_from_this<EstimateRun> {
 public:
  using Done = std::move_only_function<void(Result<Estimate>)>;

  EstimateRun(EventLoops& loops, const ReplicaSpec& spec, Done done);
  void start(Templates&, milliseconds limit);

 private:
  void on_message(message::ToHost&&) override;
  void on_garbage(const Error&) override;
  void on_exit(const ExitStatus&) override;
  void finish(Result<Estimate>);

  const ReplicaSpec spec_;
  Done done_;
  std::shared_ptr<Child> child_;
  boost::asio::steady_timer timer_;
  std::shared_ptr<EstimateRun> keep_;  // while a process may call
};

}  // namespace tenon::workers
