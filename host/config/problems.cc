#include "host/config/problems.h"

#include <fmt/format.h>

#include <algorithm>

namespace tenon::config {
namespace {

constexpr std::size_t kShown = 100;

}  // namespace

std::vector<Problem> Problems::sorted() const {
  std::vector<Problem> out = found_;
  std::ranges::sort(out);
  return out;
}

std::string_view Problems::path(Position at) const {
  return at.line == 0 || at.line > paths_.size() ? std::string_view() : paths_[at.line - 1];
}

std::string Problems::told(const Problem& problem) const {
  const auto& [at, message] = problem;
  if (const std::string_view field = path(at); !field.empty()) {
    return fmt::format("{}: {}", field, message);
  }
  if (!paths_.empty() || file_.empty()) return message;
  return at.line ? fmt::format("{}:{}:{}: {}", file_, at.line, at.column, message)
                 : fmt::format("{}: {}", file_, message);
}

std::string Problems::text() const {
  std::string out;
  std::size_t count = 0;
  for (const Problem& problem : sorted()) {
    if (!out.empty()) out += '\n';
    if (count++ == kShown) {
      return out + fmt::format("{}: … and {} more errors", file_, found_.size() - kShown);
    }
    out += told(problem);
  }
  return out;
}

}  // namespace tenon::config
