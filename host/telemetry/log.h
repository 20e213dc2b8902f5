#pragma once

#include <atomic>
#include <chrono>
#include <concepts>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <variant>

#include "host/domain/host_spec.h"

namespace spdlog::sinks {
class sink;
}

// The host's log: one line for each event, an event name and fields. [any thread]
//
//   log::info("replica ready", {{"deployment", name}, {"pid", pid}, {"requestId", id}});
//
// Text values come from anywhere: control characters are escaped, so a line stays a line.
namespace tenon::log {

class Field {
 public:
  Field(std::string_view name, std::string_view value) : name_(name), value_(value) {}
  Field(std::string_view name, const char* value) : Field(name, std::string_view(value)) {}
  Field(std::string_view name, const std::string& value) : Field(name, std::string_view(value)) {}
  Field(std::string_view name, bool value) : name_(name), value_(value) {}
  Field(std::string_view name, std::floating_point auto value)
      : name_(name), value_(static_cast<double>(value)) {}
  Field(std::string_view name, std::signed_integral auto value)
      : name_(name), value_(static_cast<std::int64_t>(value)) {}
  Field(std::string_view name, std::unsigned_integral auto value)
      : name_(name), value_(static_cast<std::uint64_t>(value)) {}

  std::string_view name() const { return name_; }
  const auto& value() const { return value_; }

 private:
  std::string_view name_;
  std::variant<bool, std::int64_t, std::uint64_t, double, std::string_view> value_;
};

using Fields = std::initializer_list<Field>;

// Until the first call: text, info, standard error. A null sink means standard error.
void configure(LogFormat, LogLevel, std::shared_ptr<spdlog::sinks::sink> = nullptr);

// A line about one deployment, as those who ask for its log get it.
struct Line {
  std::chrono::system_clock::time_point at;
  LogLevel level = LogLevel::kInfo;
  std::string_view deployment;  // "default/minilm@production"
  std::string_view text;        // event and other fields
};

// Who is told of each line with a field "deployment" besides: called on any thread, and must not
// log itself. Nobody, when it is empty.
void listen(std::function<void(const Line&)>);

std::string_view to_string(LogLevel);  // "warn"

// Implementation of enabled().
extern std::atomic<LogLevel> least_level;

inline bool enabled(LogLevel level) {
  return level >= least_level.load(std::memory_order_relaxed);
}

void write(LogLevel, std::string_view event, Fields);

inline void debug(std::string_view event, Fields fields = {}) {
  if (enabled(LogLevel::kDebug)) write(LogLevel::kDebug, event, fields);
}
inline void info(std::string_view event, Fields fields = {}) {
  if (enabled(LogLevel::kInfo)) write(LogLevel::kInfo, event, fields);
}
inline void warn(std::string_view event, Fields fields = {}) {
  if (enabled(LogLevel::kWarn)) write(LogLevel::kWarn, event, fields);
}
inline void error(std::string_view event, Fields fields = {}) {
  if (enabled(LogLevel::kError)) write(LogLevel::kError, event, fields);
}

}  // namespace tenon::log
