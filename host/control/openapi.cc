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
  } else if (takes(route, "follow")) {
    out["text/event-stream"] = {{"schema", reference("LogEvent")}};
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

// "model" of "/v0/models/{model}/revisions"; "" when the path names nothing.
std::string_view placeholder(std::string_view path) {
  const auto open = path.find('{');
  return open == path.npos ? "" : path.substr(open + 1, path.find('}') - open - 1);
}

// What a placeholder stands for is what GET of the path that ends with it answers.
std::string_view schema_of(std::string_view name, std::span<const Route> routes) {
  const auto shows = [&](const Route& each) {
    return each.method == "GET" && each.path.ends_with('}') && placeholder(each.path) == name;
  };
  const auto found = std::ranges::find_if(routes, shows);
  return found == routes.end() ? "" : found->answer;
}

// Which operations can follow one, since its answer has the names that their paths want.
json::object links(const Route& route, std::span<const Route> routes) {
  json::object out;
  if (route.answer.empty()) return out;
  for (const Route& next : routes) {
    const std::string_view name = placeholder(next.path);
    const std::string_view schema = name.empty() ? "" : schema_of(name, routes);
    if (schema.empty() || !route.answer.ends_with(schema)) continue;  // NewKey is a Key
    const bool resource = schema != "Key";
    json::object parameters;
    parameters["path." + std::string(name)] =
        resource ? "$response.body#/metadata/name" : "$response.body#/id";
    if (takes(next, "environment")) {
      parameters["query.environment"] = "$response.body#/metadata/environment";
    }
    out[next.id] = {{"operationId", next.id}, {"parameters", std::move(parameters)}};
  }
  return out;
}

json::object operation(const Route& route, std::span<const Route> routes) {
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
  if (const auto next = links(route, routes); !next.empty()) {
    for (auto& [status, response] : responses) {
      // What was only tried is not there to be followed.
      const bool tried = status == "200" && takes(route, "dryRun");
      if (status != "default" && !tried) response.get_object()["links"] = next;
    }
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
    path.get_object()[lower(route.method)] = operation(route, routes);
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
