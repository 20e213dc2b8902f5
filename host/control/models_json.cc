#include "host/control/models_json.h"

#include <fmt/format.h>

#include <chrono>

#include "host/domain/json_text.h"
#include "host/domain/moment.h"

namespace tenon::control {
namespace {

// Written by hand: names and messages are foreign text, and times read better as 0.806 than
// as 8.06E-1.
class Writer {
 public:
  explicit Writer(std::string& out) : out_(out) {}

  void open(std::string_view name = {}) { begin(name, '{'); }
  void close() {
    out_.push_back('}');
    first_ = false;
  }
  void text(std::string_view name, std::string_view value) {
    begin(name, '"');
    append_json_escaped(out_, value);
    out_.push_back('"');
    first_ = false;
  }
  template <class T>
  void number(std::string_view name, T value) {
    raw(name, fmt::format("{}", value));
  }
  void real(std::string_view name, double value) { raw(name, fmt::format("{:.3f}", value)); }
  void raw(std::string_view name, std::string_view value) {
    key(name);
    out_.append(value);
    first_ = false;
  }

 private:
  void key(std::string_view name) {
    if (!first_) out_.push_back(',');
    if (!name.empty()) {
      out_.push_back('"');
      append_json_escaped(out_, name);
      out_.append("\":");
    }
  }
  void begin(std::string_view name, char c) {
    key(name);
    out_.push_back(c);
    first_ = true;
  }

  std::string& out_;
  bool first_ = true;
};

double milliseconds_of(std::chrono::nanoseconds time) {
  return std::chrono::duration<double, std::milli>(time).count();
}

void write_cold_start(Writer& out, const lifecycle::ColdStart& cold) {
  out.open("lastColdStart");
  out.text("at", utc_text(cold.when));
  out.real("totalMs", milliseconds_of(cold.total));
  out.number("fromTemplate", cold.from_template);
  out.open("stages");
  for (const auto& [stage, time] : cold.stages) out.real(stage, milliseconds_of(time));
  out.close();
  out.close();
}

void write_model(Writer& out, const lifecycle::DeploymentStatus& status) {
  out.open();
  out.text("workspace", status.key.workspace);
  out.text("model", status.key.model);
  out.text("environment", status.key.environment);
  out.text("runtime", status.runtime);
  out.text("state", to_string(status.phase));
  out.open("replicas");
  out.number("ready", status.replicas_ready);
  out.number("starting", status.replicas_starting);
  out.close();
  out.number("queued", status.queued);
  out.number("inFlight", status.in_flight);
  out.number("memoryBytes", status.memory_bytes);
  out.raw("pids", fmt::format("[{}]", fmt::join(status.pids, ",")));
  out.number("crashesInARow", status.crashes_in_a_row);
  out.number("breakerOpen", status.breaker_open);
  if (status.last_cold_start) {
    write_cold_start(out, *status.last_cold_start);
  } else {
    out.raw("lastColdStart", "null");
  }
  if (status.last_error) {
    out.text("lastError", *status.last_error);
  } else {
    out.raw("lastError", "null");
  }
  if (status.load_done >= 0) {
    out.open("loading");
    out.real("done", status.load_done);
    out.text("stage", status.load_stage);
    out.close();
  }
  out.close();
}

}  // namespace

std::string models_json(std::span<const lifecycle::DeploymentStatus> all) {
  std::string body = R"({"models":[)";
  Writer out(body);
  for (const lifecycle::DeploymentStatus& status : all) write_model(out, status);
  return body += "]}";
}

}  // namespace tenon::control
