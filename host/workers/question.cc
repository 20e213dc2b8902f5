#include "host/workers/question.h"

#include "host/workers/codes.h"

namespace tenon::workers {

Question::Question(EventLoops& loops, Kind kind, const ReplicaSpec& spec, Done done)
    : kind_(kind), spec_(spec), done_(std::move(done)), timer_(loops.control()) {}

void Question::ask(Templates& templates, milliseconds limit) {
  keep_ = shared_from_this();
  timer_.expires_after(limit);
  timer_.async_wait([self = keep_, limit](boost::system::error_code error) {
    if (error) return;
    self->finish(fail(Code::kDeadline, "plugin '" + self->spec_.plugin.id + "' did not answer " +
                                           self->name() + " within " +
                                           std::to_string(limit.count()) + " ms"));
  });
  templates.start(spec_.plugin, spec_.grant, spec_.model_path, Lease{}, *this,
                  [self = keep_](Result<Templates::Started> started) {
                    if (!self->done_) {
                      if (started) started->child->forget();
                      return;
                    }
                    if (!started) {
                      self->finish(std::unexpected(started.error()));
                      return;
                    }
                    if (self->child_) self->child_->forget();
                    self->child_ = std::move(started->child);
                    self->child_->send(self->words());
                  });
}

message::ToProcess Question::words() const {
  message::Model model{spec_.model_path, spec_.model_name, spec_.options};
  if (kind_ == Kind::kProbe) return message::AskProbe{std::move(model)};
  return message::AskEstimate{std::move(model), {}};
}

std::string Question::name() const {
  return kind_ == Kind::kProbe ? "a probe" : "an estimate";
}

bool Question::is_answer(const message::ToHost& message) const {
  return kind_ == Kind::kProbe ? std::holds_alternative<message::Probed>(message)
                               : std::holds_alternative<message::Estimated>(message);
}

void Question::on_message(message::ToHost&& message) {
  if (is_answer(message)) {
    finish(std::move(message));
  } else if (auto* failed = std::get_if<message::Failed>(&message)) {
    finish(fail(failed->error.code,
                "plugin '" + spec_.plugin.id + "': " + printable(failed->error.message),
                failed->error.retryable));
  }
}

void Question::on_garbage(const Error& error) {
  finish(std::unexpected(error));
}

void Question::on_exit(const ExitStatus& status) {
  child_.reset();
  finish(fail(Code::kUnavailable,
              "plugin '" + spec_.plugin.id + "' ended during " + name() + ": " + status.text,
              true));
}

void Question::finish(Result<message::ToHost> result) {
  if (!done_) return;
  const auto self = std::exchange(keep_, nullptr);
  timer_.cancel();
  if (child_) child_->forget();
  std::exchange(done_, nullptr)(std::move(result));
}

}  // namespace tenon::workers
