#include "host/cli/get_models.h"

#include <fmt/format.h>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <chrono>

#include "host/cli/http_get.h"
#include "host/cli/options.h"

namespace tenon::cli {
namespace {

namespace json = boost::json;

constexpr std::chrono::seconds kTimeout{10};
constexpr std::size_t kLongestError = 60;

// Nothing but what a terminal shows as one line.
std::string shown(std::string_view text) {
  std::string out;
  for (const char c : text) out += static_cast<unsigned char>(c) < ' ' || c == 0x7F ? '?' : c;
  return out;
}

const json::value* at(const json::value& object, std::string_view key) {
  const json::object* fields = object.if_object();
  return fields ? fields->if_contains(key) : nullptr;
}

std::string text_at(const json::value& object, std::string_view key) {
  const json::value* found = at(object, key);
  return found && found->is_string() ? shown(found->get_string()) : "-";
}

std::uint64_t number_at(const json::value* object, std::string_view key) {
  const json::value* found = object ? at(*object, key) : nullptr;
  boost::system::error_code error;
  const auto number = found ? found->to_number<std::uint64_t>(error) : 0;
  return error ? 0 : number;
}

std::string milliseconds_at(const json::value* object, std::string_view key) {
  const json::value* found = object ? at(*object, key) : nullptr;
  boost::system::error_code error;
  const double number = found ? found->to_number<double>(error) : -1;
  return error || number < 0 ? "-" : fmt::format("{:.1f} ms", number);
}

std::string replicas_of(const json::value& model) {
  const json::value* replicas = at(model, "replicas");
  const auto starting = number_at(replicas, "starting");
  const auto ready = fmt::format("{}", number_at(replicas, "ready"));
  return starting ? fmt::format("{} (+{})", ready, starting) : ready;
}

std::string error_of(const json::value& model) {
  std::string out = text_at(model, "lastError");
  if (out.size() <= kLongestError) return out;
  std::size_t end = kLongestError;
  while (end > 0 && (static_cast<unsigned char>(out[end]) & 0xC0) == 0x80) --end;  // whole letters
  return out.substr(0, end) + "…";
}

}  // namespace

Result<std::optional<std::string>> add_models(std::string_view body, Rows& rows) {
  boost::system::error_code error;
  const json::value parsed = json::parse(body, error);
  const json::value* items = error ? nullptr : at(parsed, "items");
  if (!items || !items->is_array()) {
    return fail(Code::kInvalid, "the answer is not a list of models: is this a Tenon host?");
  }
  for (const json::value& item : items->get_array()) {
    static const json::value kNothing;
    const json::value* metadata = at(item, "metadata");
    const json::value* found = at(item, "status");
    const json::value& name = metadata ? *metadata : kNothing;
    const json::value& status = found ? *found : kNothing;
    rows.push_back(
        {text_at(name, "workspace"), text_at(name, "name"), text_at(name, "environment"),
         text_at(status, "runtime"), text_at(status, "state"), replicas_of(status),
         fmt::format("{}", number_at(&status, "queued")),
         fmt::format("{:.1f} MB", static_cast<double>(number_at(&status, "memoryBytes")) / 1e6),
         milliseconds_at(at(status, "lastColdStart"), "totalMs"), error_of(status)});
  }
  const json::value* next = at(parsed, "next");
  if (!next || !next->is_string()) return std::nullopt;
  return std::string(next->get_string());
}

int get_models(const Arguments& words, Streams streams) {
  constexpr std::string_view kVerb = "get models";
  options_description options;
  options.add_options()("api", value<std::string>()->default_value("http://127.0.0.1:8080"))(
      "output,o", value<std::string>()->default_value("table"));
  const auto parsed = parse_options(words, options);
  if (!parsed) return bad_usage(kVerb, parsed.error().message, streams);
  const auto output = (*parsed)["output"].as<std::string>();
  if (output != "table" && output != "json") {
    return bad_usage(kVerb, fmt::format("--output must be table or json, found '{}'", output),
                     streams);
  }
  Rows rows = {{"WORKSPACE", "MODEL", "ENVIRONMENT", "RUNTIME", "STATE", "REPLICAS", "QUEUED",
                "MEMORY", "COLD START", "LAST ERROR"}};
  std::string page = "/v0/models?limit=1000";
  for (;;) {
    const auto body = http_get((*parsed)["api"].as<std::string>(), page, kTimeout);
    if (!body && body.error().code == Code::kInvalid) {
      return bad_usage(kVerb, body.error().message, streams);
    }
    if (body && output == "json") streams.out << *body << "\n";
    const auto next = body ? add_models(*body, rows) : std::unexpected(body.error());
    if (!next) {
      streams.err << "tenon get models: " << next.error().message << "\n";
      return kFailed;
    }
    if (!*next) break;
    page = "/v0/models?limit=1000&after=" + **next;
  }
  if (output == "table") print_table(streams.out, rows);
  return kOk;
}

}  // namespace tenon::cli
