#include "host/workers/estimate_run.h"

#include "host/workers/codes.h"

namespace tenon::workers {

EstimateRun::EstimateRun(EventLoops& loops, const ReplicaSpec& spec, Done done)
    : spec_(spec), done_(std::move(done)), timer_(loops.control()) {}

void EstimateRun::start(Templates& templates, milliseconds limit) {
  keep_ = shared_from_this();
  timer_.expires_after(limit);
  timer_.async_wait([self = keep_, limit](boost::system::error_code error) {
    if (error) return;
    self->finish(fail(Code::kDeadline, "plugin '" + self->spec_.plugin.id +
                                           "' did not answer an estimate within " +
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
                    message::AskEstimate ask;
                    ask.model = {self->spec_.model_path, self->spec_.model_name,
                                 self->spec_.options};
                    self->child_->send(ask);
                  });
}

void EstimateRun::on_message(message::ToHost&& message) {
  if (auto* estimated = std::get_if<message::Estimated>(&message)) {
    finish(estimated->estimate);
  } else if (auto* failed = std::get_if<message::Failed>(&message)) {
    finish(fail(failed->error.code,
                "plugin '" + spec_.plugin.id + "': " + printable(failed->error.message),
                failed->error.retryable));
  }
}

void EstimateRun::on_garbage(const Error& error) {
  finish(std::unexpected(error));
}

void EstimateRun::on_exit(const ExitStatus& status) {
  child_.reset();
  finish(fail(Code::kUnavailable,
              "plugin '" + spec_.plugin.id + "' ended during an estimate: " + status.text, true));
}

void EstimateRun::finish(Result<Estimate> result) {
  if (!done_) return;
  const auto self = std::exchange(keep_, nullptr);
  timer_.cancel();
  if (child_) child_->forget();
  std::exchange(done_, nullptr)(std::move(result));
}

}  // namespace tenon::workers
