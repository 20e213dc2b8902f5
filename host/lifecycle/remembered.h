#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "host/lifecycle/clock.h"
#include "host/workers/replica.h"

namespace tenon::lifecycle {

// A whole answer, kept to be given again while no replica stands.
struct Answer {
  unsigned status = 200;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  TimePoint when{};
  std::uint64_t revision = 0;
};

// The last answers to a deployment's passive questions, few and small. Not thread-safe.
class Remembered {
 public:
  static constexpr std::size_t kMaxAnswers = 4;
  static constexpr std::size_t kMaxBytes = 32 * 1024;  // of one answer's body

  std::shared_ptr<const Answer> find(std::string_view question) const;
  // The oldest makes room.
  void keep(std::string question, std::shared_ptr<const Answer>);

 private:
  std::vector<std::pair<std::string, std::shared_ptr<const Answer>>> answers_;  // oldest first
};

// Gathers the messages of one answer, as long as it stays small and is a success.
class Recorder {
 public:
  explicit Recorder(const workers::RequestView&);
  void add(const workers::ResponseMessage&);
  // After the final message; null when the answer is not worth keeping.
  std::shared_ptr<const Answer> finish(TimePoint now, std::uint64_t revision);
  const std::string& question() const { return question_; }

 private:
  std::string question_;
  std::shared_ptr<Answer> answer_;  // null: given up
};

// "GET /info?x=y": what an answer is kept under.
std::string question_of(const workers::RequestView&);

}  // namespace tenon::lifecycle
