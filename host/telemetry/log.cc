#include "host/telemetry/log.h"

#include <fmt/format.h>
#include <spdlog/logger.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <mutex>

#include "host/domain/json_text.h"
#include "host/domain/moment.h"

namespace tenon::log {

std::atomic<LogLevel> least_level = LogLevel::kInfo;

namespace {

using Buffer = fmt::memory_buffer;

struct Output {
  std::mutex mutex;  // of the pointer; the sink has its own
  std::shared_ptr<spdlog::logger> logger;
  std::shared_ptr<const std::function<void(const Line&)>> listener;
  std::atomic<LogFormat> format = LogFormat::kText;
};

// Immortal: threads may log while the process ends.
Output& output() {
  static Output& it = *new Output;
  return it;
}

std::shared_ptr<spdlog::logger> make_logger(std::shared_ptr<spdlog::sinks::sink> sink) {
  if (!sink) sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
  auto made = std::make_shared<spdlog::logger>("tenon", std::move(sink));
  made->set_pattern("%v");
  made->set_level(spdlog::level::trace);
  made->flush_on(spdlog::level::trace);
  return made;
}

std::shared_ptr<spdlog::logger> logger() {
  Output& out = output();
  const std::lock_guard lock(out.mutex);
  if (!out.logger) out.logger = make_logger(nullptr);
  return out.logger;
}

void append(Buffer& out, std::string_view text) {
  out.append(text.data(), text.data() + text.size());
}

void append_quoted(Buffer& out, std::string_view text) {
  out.push_back('"');
  append_json_escaped(out, text);
  out.push_back('"');
}

bool is_plain(std::string_view text) {
  if (text.empty()) return false;
  for (char c : text) {
    if (c <= ' ' || c >= 0x7F || c == '"' || c == '=' || c == '\\') return false;
  }
  return true;
}

struct AppendValue {
  Buffer& out;
  LogFormat format;

  void operator()(bool value) const { append(out, value ? "true" : "false"); }
  void operator()(double value) const {
    if (std::isfinite(value)) {
      fmt::format_to(fmt::appender(out), "{:.6g}", value);
    } else {
      append(out, "null");
    }
  }
  void operator()(std::string_view value) const {
    if (format == LogFormat::kText && is_plain(value)) {
      append(out, value);
    } else {
      append_quoted(out, value);
    }
  }
  void operator()(auto number) const { fmt::format_to(fmt::appender(out), "{}", number); }
};

void append_event(Buffer& out, std::string_view event, Fields fields, std::string_view left_out) {
  append_json_escaped(out, event);
  for (const Field& field : fields) {
    if (field.name() == left_out) continue;
    fmt::format_to(fmt::appender(out), " {}=", field.name());
    std::visit(AppendValue{out, LogFormat::kText}, field.value());
  }
}

void append_text(Buffer& out, LogLevel level, std::string_view event, Fields fields) {
  append(out, utc_text(std::chrono::system_clock::now()));
  fmt::format_to(fmt::appender(out), " {:5} ", to_string(level));
  append_event(out, event, fields, "");
}

void tell_listener(LogLevel level, std::string_view event, Fields fields) {
  constexpr std::string_view kDeployment = "deployment";
  const auto about = std::ranges::find(fields, kDeployment, &Field::name);
  const auto* name =
      about == fields.end() ? nullptr : std::get_if<std::string_view>(&about->value());
  if (!name || name->empty()) return;
  std::shared_ptr<const std::function<void(const Line&)>> listener;
  {
    const std::lock_guard lock(output().mutex);
    listener = output().listener;
  }
  if (!listener) return;
  Buffer text;
  append_event(text, event, fields, kDeployment);
  (*listener)(
      {std::chrono::system_clock::now(), level, *name, std::string_view(text.data(), text.size())});
}

void append_json(Buffer& out, LogLevel level, std::string_view event, Fields fields) {
  append(out, "{\"time\":\"");
  append(out, utc_text(std::chrono::system_clock::now()));
  fmt::format_to(fmt::appender(out), "\",\"level\":\"{}\",\"event\":", to_string(level));
  append_quoted(out, event);
  for (const Field& field : fields) {
    out.push_back(',');
    append_quoted(out, field.name());
    out.push_back(':');
    std::visit(AppendValue{out, LogFormat::kJson}, field.value());
  }
  out.push_back('}');
}

spdlog::level::level_enum spdlog_level(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarn:
      return spdlog::level::warn;
    case LogLevel::kError:
      break;
  }
  return spdlog::level::err;
}

}  // namespace

std::string_view to_string(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarn:
      return "warn";
    case LogLevel::kError:
      break;
  }
  return "error";
}

void listen(std::function<void(const Line&)> listener) {
  auto kept = listener
                  ? std::make_shared<const std::function<void(const Line&)>>(std::move(listener))
                  : nullptr;
  const std::lock_guard lock(output().mutex);
  output().listener = std::move(kept);
}

void configure(LogFormat format, LogLevel level, std::shared_ptr<spdlog::sinks::sink> sink) {
  auto made = make_logger(std::move(sink));
  Output& out = output();
  {
    const std::lock_guard lock(out.mutex);
    out.logger = std::move(made);
  }
  out.format = format;
  least_level = level;
}

void write(LogLevel level, std::string_view event, Fields fields) {
  Buffer line;
  if (output().format.load(std::memory_order_relaxed) == LogFormat::kJson) {
    append_json(line, level, event, fields);
  } else {
    append_text(line, level, event, fields);
  }
  logger()->log(spdlog_level(level), spdlog::string_view_t(line.data(), line.size()));
  tell_listener(level, event, fields);
}

}  // namespace tenon::log
