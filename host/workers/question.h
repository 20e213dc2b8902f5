#pragma once

#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <string>

#include "host/workers/replica.h"
#include "host/workers/templates.h"

namespace tenon::workers {

// One question to a plugin about a model, in a process that ends with it. [control]
class Question final : public Child::Handler, public std::enable_shared_from_this<Question> {
 public:
  enum class Kind : std::uint8_t { kEstimate, kProbe };
  // Estimated or Probed, as asked.
  using Done = std::move_only_function<void(Result<message::ToHost>)>;

  Question(EventLoops& loops, Kind, const ReplicaSpec& spec, Done done);
  void ask(Templates&, milliseconds limit);

 private:
  message::ToProcess words() const;
  std::string name() const;  // "a probe"
  bool is_answer(const message::ToHost&) const;
  void on_message(message::ToHost&&) override;
  void on_garbage(const Error&) override;
  void on_exit(const ExitStatus&) override;
  void finish(Result<message::ToHost>);

  const Kind kind_;
  const ReplicaSpec spec_;
  Done done_;
  std::shared_ptr<Child> child_;
  boost::asio::steady_timer timer_;
  std::shared_ptr<Question> keep_;  // while a process may call
};

}  // namespace tenon::workers
