#include "host/cli/prometheus.h"

#include <algorithm>
#include <cstdlib>
#include <optional>

namespace tenon::cli {
namespace {

// Reads name="value" pairs up to the brace; false when they are none.
bool read_labels(std::string_view& line, Sample& out) {
  while (!line.empty() && line.front() != '}') {
    const std::size_t equals = line.find("=\"");
    if (equals == line.npos) return false;
    const std::string name(line.substr(0, equals));
    line.remove_prefix(equals + 2);
    std::string value;
    while (!line.empty() && line.front() != '"') {
      if (line.front() == '\\' && line.size() > 1) {
        line.remove_prefix(1);
        value += line.front() == 'n' ? '\n' : line.front();
      } else {
        value += line.front();
      }
      line.remove_prefix(1);
    }
    if (line.empty()) return false;
    line.remove_prefix(1);
    if (line.starts_with(',')) line.remove_prefix(1);
    out.labels[name] = std::move(value);
  }
  if (line.empty()) return false;
  line.remove_prefix(1);
  return true;
}

std::optional<Sample> read_sample(std::string_view line) {
  if (line.empty() || line.front() == '#') return std::nullopt;
  Sample out;
  const std::size_t end = std::min(line.find_first_of("{ "), line.size());
  out.name = line.substr(0, end);
  line.remove_prefix(end);
  if (line.starts_with('{')) {
    line.remove_prefix(1);
    if (!read_labels(line, out)) return std::nullopt;
  }
  const std::string number(line);
  char* last = nullptr;
  out.value = std::strtod(number.c_str(), &last);
  if (last == number.c_str()) return std::nullopt;
  return out;
}

}  // namespace

std::string_view Sample::label(std::string_view key) const {
  const auto found = labels.find(key);
  return found == labels.end() ? std::string_view() : std::string_view(found->second);
}

std::vector<Sample> read_samples(std::string_view text) {
  std::vector<Sample> out;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    if (auto sample = read_sample(text.substr(0, end))) out.push_back(*std::move(sample));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

}  // namespace tenon::cli
