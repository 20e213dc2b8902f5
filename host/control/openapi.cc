#include "host/control/openapi.h"

#include <algorithm>
#include <boost/json/array.hpp>
#include <cctype>
#include <limits>
#include <string>

#include "host/control/schemas.h"

namespace tenon::control {
namespace {

namespace json = boost::json;

json::object reference(std::string_view schema) {
  return {{"$ref", "#/components/schemas/" + std::string(schema)}};
}

json::object content(json::object schema) {
  return {{"application/json", {{"schema", std::move(schema)}}}};
}

bool takes(const Route& route, std::string_view param) {
  return std::ranges::find(route.query, param, &Param::name) != route.query.end();
}

json::object answer(const Route& route) {
  json::object out = content(reference(route.answer));
  if (takes(route, "watch")) {
    out["text/event-stream"] = {{"schema", reference("WatchEvent")}};
  }
  return {{"description", "done"}, {"content", std::move(out)}};
}

// Of a change that was only tried, or that found its resource there.
json::object answer_to_change(const Route& route) {
  return {{"description", "done, or with dryRun what would be"},
          {"content", content({{"anyOf", {reference(route.answer), reference("Change")}}})}};
}

std::string_view type_of(Param::Type type) {
  switch (type) {
    case Param::Type::kInteger:
      return "integer";
    case Param::Type::kBoolean:
      return "boolean";
    case Param::Type::kString:
      break;
  }
  return "string";
}

json::array parameters(const Route& route) {
  json::array out;
  std::string_view rest = route.path;
  for (auto open = rest.find('{'); open != rest.npos; open = rest.find('{')) {
    rest.remove_prefix(open + 1);
    const std::string_view name = rest.substr(0, rest.find('}'));
    out.push_back(json::object{
        {"name", name}, {"in", "path"}, {"required", true}, {"schema", {{"type", "string"}}}});
  }
  for (const Param& param : route.query) {
    json::object schema{{"type", type_of(param.type)}};
    if (param.type == Param::Type::kInteger) {
      schema["minimum"] = 0;
      schema["maximum"] = std::numeric_limits<std::int64_t>::max();
    }
    out.push_back(json::object{{"name", param.name},
                               {"in", "query"},
                               {"required", param.required},
                               {"description", param.help},
                               {"schema", std::move(schema)}});
  }
  return out;
}

json::object operation(const Route& route) {
  json::object out{{"operationId", route.id}, {"summary", route.help}};
  out["x-tenon-act"] = access::to_string(route.act);
  if (auto all = parameters(route); !all.empty()) out["parameters"] = std::move(all);
  if (!route.body.empty()) {
    json::object body = content(reference(route.body));
    if (route.takes_form) body["application/x-www-form-urlencoded"] = body["application/json"];
    out["requestBody"] = {{"required", true}, {"content", std::move(body)}};
  }
  json::object responses{
      {std::to_string(route.status), answer(route)},
      {"default", {{"description", "why not"}, {"content", content(reference("Error"))}}}};
  if (takes(route, "dryRun") && route.answer != "Results") {
    responses["200"] = answer_to_change(route);
    if (route.method == "PUT") responses["201"] = answer(route);
  }
  out["responses"] = std::move(responses);
  return out;
}

std::string lower(std::string_view method) {
  std::string out(method);
  std::ranges::transform(out, out.begin(), [](unsigned char c) { return std::tolower(c); });
  return out;
}

}  // namespace

json::object openapi_json(std::span<const Route> routes) {
  json::object paths;
  for (const Route& route : routes) {
    json::value& path = paths[route.path];
    if (path.is_null()) path = json::object();
    path.get_object()[lower(route.method)] = operation(route);
  }
  return {
      {"openapi", "3.1.0"},
      {"info",
       {{"title", "Tenon"}, {"version", "0"}, {"description", "The control API of a Tenon host."}}},
      {"security", json::array{json::object{{"key", json::array()}}}},
      {"paths", std::move(paths)},
      {"components",
       {{"schemas", schemas()},
        {"securitySchemes",
         {{"key",
           {{"type", "http"},
            {"scheme", "bearer"},
            {"description",
             "an API key, or a token for one; a host without keys wants none"}}}}}}}};
}

}  // namespace tenon::control
