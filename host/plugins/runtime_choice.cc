#include "host/plugins/runtime_choice.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

namespace tenon::plugins {
namespace {

constexpr unsigned kBestScore = 100;

// Sorts upwards.
auto rank(const ProbeAnswer& answer) {
  const int score = answer.probe ? static_cast<int>(answer.probe->score) : -1;
  return std::tuple(-score, std::string_view(answer.plugin));
}

// "tei: config.json: no such file", the plugin named once.
std::string said(const ProbeAnswer& answer) {
  if (answer.probe) {
    return fmt::format("{}: {}", answer.plugin,
                       answer.probe->reason.empty() ? "no reason given" : answer.probe->reason);
  }
  const std::string& message = answer.probe.error().message;
  return message.contains(fmt::format("'{}'", answer.plugin))
             ? message
             : fmt::format("{}: {}", answer.plugin, message);
}

}  // namespace

std::vector<ProbeAnswer> ranked(std::vector<ProbeAnswer> answers) {
  for (ProbeAnswer& answer : answers) {
    if (!answer.probe || answer.probe->score <= kBestScore) continue;
    answer.probe =
        fail(Code::kInternal, fmt::format("plugin '{}' gave the score {}, expected 0 to {}",
                                          answer.plugin, answer.probe->score, kBestScore));
  }
  std::ranges::sort(answers, {}, rank);
  return answers;
}

Result<ProbeAnswer> choose(std::vector<ProbeAnswer> answers, const std::string& folder) {
  answers = ranked(std::move(answers));
  if (!answers.empty() && answers.front().probe && answers.front().probe->score > 0) {
    return std::move(answers.front());
  }
  std::string message = fmt::format("no plugin serves the folder {}", folder);
  for (std::size_t i = 0; i < answers.size(); ++i) {
    message += (i == 0 ? ": " : "; ") + said(answers[i]);
  }
  return fail(Code::kInvalid, std::move(message));
}

}  // namespace tenon::plugins
