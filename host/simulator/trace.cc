#include "host/simulator/trace.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <charconv>
#include <cmath>
#include <map>
#include <optional>

namespace tenon::simulator {
namespace {

namespace json = boost::json;

constexpr double kMostSeconds = 10 * 366 * 86'400.0;
constexpr double kMostTokens = 1e12;

// What the columns are called; those of the Azure Functions trace of 2021 are understood too.
enum class Column { kTime, kEnd, kDeployment, kDuration, kTokens };

std::optional<Column> column(std::string_view name) {
  if (name == "time") return Column::kTime;
  if (name == "end_timestamp") return Column::kEnd;
  if (name == "deployment" || name == "func") return Column::kDeployment;
  if (name == "duration") return Column::kDuration;
  if (name == "tokens") return Column::kTokens;
  return std::nullopt;
}

// One request as it was written; times in seconds.
struct Row {
  std::optional<double> time, end, duration, tokens;
  std::string_view deployment;

  void set(Column which, double value) {
    (which == Column::kTime       ? time
     : which == Column::kEnd      ? end
     : which == Column::kDuration ? duration
                                  : tokens) = value;
  }
};

microseconds from_seconds(double seconds) {
  return microseconds(std::llround(seconds * 1e6));
}

std::string_view trimmed(std::string_view text) {
  const auto from = text.find_first_not_of(" \t\r");
  return from == text.npos ? "" : text.substr(from, text.find_last_not_of(" \t\r") - from + 1);
}

// Takes the first part off, up to the separator.
std::string_view next(std::string_view& text, char separator) {
  const std::size_t end = std::min(text.find(separator), text.size());
  const std::string_view part = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return trimmed(part);
}

class Reader {
 public:
  Result<Trace> read(std::string_view text) {
    const bool lines_of_json = text.substr(0, text.find('\n')).contains('{');
    while (!text.empty()) {
      ++line_;
      const std::string_view line = next(text, '\n');
      if (line.empty()) continue;
      const Result<void> taken = lines_of_json      ? take_json(line)
                                 : columns_.empty() ? take_heads(line)
                                                    : take_csv(line);
      if (!taken) return std::unexpected(taken.error());
    }
    if (out_.arrivals.empty()) return fail(Code::kInvalid, "the trace holds no request");
    std::ranges::sort(out_.arrivals, {},
                      [](const Arrival& a) { return std::pair(a.at, a.number); });
    const microseconds first = out_.arrivals.front().at;
    for (Arrival& arrival : out_.arrivals) arrival.at -= first;
    return std::move(out_);
  }

 private:
  Result<void> wrong(const std::string& what) const {
    return fail(Code::kInvalid, fmt::format("line {}: {}", line_, what));
  }

  Result<void> take_heads(std::string_view line) {
    std::vector<Column> known;
    do {
      const std::string_view name = next(line, ',');
      columns_.push_back(column(name));
      if (columns_.back()) known.push_back(*columns_.back());
    } while (!line.empty());
    const auto has = [&](Column c) { return std::ranges::count(known, c) == 1; };
    if (has(Column::kDeployment) && (has(Column::kTime) || has(Column::kEnd))) return {};
    return wrong(
        "expected the names of the columns, 'time' and 'deployment' and perhaps 'duration' and "
        "'tokens' among them");
  }

  Result<void> take_csv(std::string_view line) {
    Row row;
    for (const std::optional<Column>& which : columns_) {
      const std::string_view text = next(line, ',');
      if (!which || text.empty()) continue;
      if (*which == Column::kDeployment) {
        row.deployment = text;
        continue;
      }
      double value = 0;
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
      if (error != std::errc() || end != text.data() + text.size()) {
        return wrong(fmt::format("'{}' is no number", text));
      }
      row.set(*which, value);
    }
    return take(row);
  }

  Result<void> take_json(std::string_view line) {
    boost::system::error_code error;
    const json::value value = json::parse(line, error);
    const json::object* fields = error ? nullptr : value.if_object();
    if (!fields)
      return wrong("expected a JSON object such as {\"time\": 0.5, \"deployment\": \"a\"}");
    Row row;
    for (const auto& [name, field] : *fields) {
      const auto which = column(std::string_view(name));
      if (!which) continue;
      if (*which == Column::kDeployment) {
        if (!field.is_string())
          return wrong(fmt::format("'{}': expected a string", std::string_view(name)));
        row.deployment = std::string_view(field.get_string());
        continue;
      }
      if (!field.is_number())
        return wrong(fmt::format("'{}': expected a number", std::string_view(name)));
      row.set(*which, field.to_number<double>());
    }
    return take(row);
  }

  Result<void> take(const Row& row) {
    if (row.deployment.empty()) return wrong("'deployment' is missing");
    const double duration = row.duration.value_or(0);
    if (!row.time && !row.end) return wrong("'time' is missing");
    const double time = row.time ? *row.time : *row.end - duration;
    if (!(duration >= 0 && duration <= kMostSeconds)) {
      return wrong(fmt::format("'duration' is {}: expected seconds", duration));
    }
    if (!(std::abs(time) <= kMostSeconds)) {
      return wrong(fmt::format("'time' is {}: expected seconds since the beginning", time));
    }
    const double tokens = row.tokens.value_or(0);
    if (!(tokens >= 0 && tokens <= kMostTokens)) {
      return wrong(fmt::format("'tokens' is {}: expected a number of them", tokens));
    }
    auto name = names_.find(row.deployment);
    if (name == names_.end()) {
      name = names_.emplace(row.deployment, static_cast<std::uint32_t>(names_.size())).first;
      out_.names.emplace_back(row.deployment);
    }
    out_.arrivals.push_back({.at = from_seconds(time),
                             .number = out_.arrivals.size(),
                             .deployment = name->second,
                             .duration = from_seconds(duration),
                             .tokens = static_cast<std::uint64_t>(tokens)});
    return {};
  }

  Trace out_;
  std::map<std::string, std::uint32_t, std::less<>> names_;
  std::vector<std::optional<Column>> columns_;
  std::size_t line_ = 0;
};

}  // namespace

Result<Trace> parse_trace(std::string_view text) {
  return Reader().read(text);
}

}  // namespace tenon::simulator
