#include "host/lifecycle/remembered.h"

#include <algorithm>

namespace tenon::lifecycle {

std::shared_ptr<const Answer> Remembered::find(std::string_view question) const {
  const auto found = std::ranges::find(answers_, question,
                                       [](const auto& a) -> std::string_view { return a.first; });
  return found == answers_.end() ? nullptr : found->second;
}

void Remembered::keep(std::string question, std::shared_ptr<const Answer> answer) {
  std::erase_if(answers_, [&](const auto& a) { return a.first == question; });
  if (answers_.size() == kMaxAnswers) answers_.erase(answers_.begin());
  answers_.emplace_back(std::move(question), std::move(answer));
}

Recorder::Recorder(const workers::RequestView& view)
    : question_(question_of(view)), answer_(std::make_shared<Answer>()) {}

void Recorder::add(const workers::ResponseMessage& message) {
  if (!answer_) return;
  if (message.status != 0) answer_->status = message.status;
  for (const workers::HeaderView& h : message.headers) {
    answer_->headers.emplace_back(h.name, h.value);
  }
  if (message.failure || answer_->status != 200 ||
      answer_->body.size() + message.body.size() > Remembered::kMaxBytes) {
    answer_ = nullptr;
    return;
  }
  answer_->body.append(reinterpret_cast<const char*>(message.body.data()), message.body.size());
}

std::shared_ptr<const Answer> Recorder::finish(TimePoint now, std::uint64_t revision) {
  if (answer_) {
    answer_->when = now;
    answer_->revision = revision;
  }
  return std::move(answer_);
}

std::string question_of(const workers::RequestView& view) {
  std::string question;
  question.reserve(view.method.size() + view.path.size() + view.query.size() + 2);
  question.append(view.method).append(" ").append(view.path);
  if (!view.query.empty()) question.append("?").append(view.query);
  return question;
}

}  // namespace tenon::lifecycle
