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

Result<std::vector<std::vector<std::string>>> models_table(std::string_view body) {
  boost::system::error_code error;
  const json::value parsed = json::parse(body, error);
  const json::value* models = error ? nullptr : at(parsed, "models");
  if (!models || !models->is_array()) {
    return fail(Code::kInvalid, "the answer is not a list of models: is this a Tenon host?");
  }
  std::vector<std::vector<std::string>> rows = {{"WORKSPACE", "MODEL", "ENVIRONMENT", "RUNTIME",
                                                 "STATE", "REPLICAS", "QUEUED", "MEMORY",
                                                 "COLD START", "LAST ERROR"}};
  for (const json::value& model : models->get_array()) {
    rows.push_back(
        {text_at(model, "workspace"), text_at(model, "model"), text_at(model, "environment"),
         text_at(model, "runtime"), text_at(model, "state"), replicas_of(model),
         fmt::format("{}", number_at(&model, "queued")),
         fmt::format("{:.1f} MB", static_cast<double>(number_at(&model, "memoryBytes")) / 1e6),
         milliseconds_at(at(model, "lastColdStart"), "totalMs"), error_of(model)});
  }
  return rows;
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
  const auto body = http_get((*parsed)["api"].as<std::string>(), "/v0/models", kTimeout);
  if (!body) {
    if (body.error().code == Code::kInvalid) return bad_usage(kVerb, body.error().message, streams);
    streams.err << "tenon get models: " << body.error().message << "\n";
    return kFailed;
  }
  if (output == "json") {
    streams.out << *body << "\n";
    return kOk;
  }
  const auto rows = models_table(*body);
  if (!rows) {
    streams.err << "tenon get models: " << rows.error().message << "\n";
    return kFailed;
  }
  print_table(streams.out, *rows);
  return kOk;
}

}  // namespace tenon::cli
