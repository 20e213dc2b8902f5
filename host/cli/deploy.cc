#include "host/cli/deploy.h"

#include <fmt/format.h>

#include <boost/json/array.hpp>

#include "host/cli/apply.h"
#include "host/cli/machine.h"
#include "host/config/json_nodes.h"
#include "host/config/toml_nodes.h"
#include "host/config/toml_writer.h"
#include "host/domain/environment.h"

namespace tenon::cli {
namespace {

namespace json = boost::json;

constexpr std::string_view kVerb = "deploy";

using Texts = std::vector<std::string>;

// A value as TOML has it: 16384, true; what is no TOML is a string.
json::value value_of(const std::string& text) {
  config::Problems problems;
  const auto root = config::parse_toml("v = " + text, problems);
  const config::Node* found = root ? root->find("v") : nullptr;
  if (!found || root->children.size() != 1 || found->type == config::Node::Type::kTime) {
    return json::string(text);
  }
  return config::json_of(*found);
}

// "KEY=VALUE" each.
Result<json::object> pairs(const variables_map& options, const std::string& flag, bool typed) {
  json::object out;
  if (!options.count(flag)) return out;
  for (const std::string& text : options[flag].as<Texts>()) {
    const std::size_t equals = text.find('=');
    if (equals == 0 || equals == text.npos) {
      return fail(Code::kInvalid, fmt::format("--{} '{}': expected KEY=VALUE", flag, text));
    }
    const std::string given = text.substr(equals + 1);
    out[text.substr(0, equals)] = typed ? value_of(given) : json::value(json::string(given));
  }
  return out;
}

void put_texts(json::object& out, std::string_view key, const variables_map& options,
               const std::string& flag) {
  if (!options.count(flag)) return;
  json::array all;
  for (const std::string& text : options[flag].as<Texts>()) all.emplace_back(text);
  out[key] = std::move(all);
}

// A folder of this machine, or what has a scheme already.
std::string origin_of(const std::string& given) {
  const std::size_t colon = given.find(':');
  if (colon != given.npos && colon < given.find('/')) return given;
  return "file:" + Machine().absolute(given);
}

json::object scale_of(const variables_map& options) {
  json::object out;
  for (const auto& [flag, key] : {std::pair("min", "minReplicas"), std::pair("max", "maxReplicas"),
                                  std::pair("target", "target")}) {
    if (options.count(flag)) out[key] = options[flag].as<std::int64_t>();
  }
  if (options.count("retention")) {
    out["lastReplicaRetention"] = options["retention"].as<std::string>();
  }
  return out;
}

options_description flags() {
  options_description out;
  add_host_options(out);
  out.add_options()("model", value<std::string>())("origin", value<std::string>())(
      "runtime", value<std::string>())(
      "environment,e", value<std::string>()->default_value(std::string(kProduction)))(
      "flavor", value<Texts>())("policy", value<Texts>())("option", value<Texts>())(
      "env", value<Texts>())("label", value<Texts>())("min", value<std::int64_t>())(
      "max", value<std::int64_t>())("target", value<std::int64_t>())(
      "retention", value<std::string>())("canary", value<std::int64_t>())("dry-run", "")(
      "force", "")("print", "");
  return out;
}

// The one resource of the request needs no number.
std::string without_place(std::string text) {
  constexpr std::string_view kPlace = "resources[0].spec.";
  for (auto at = text.find(kPlace); at != text.npos; at = text.find(kPlace, at)) {
    text.erase(at, kPlace.size());
  }
  return text;
}

int send(const variables_map& options, const json::object& spec, Streams streams) {
  const auto refused = [&](HttpReply reply) {
    reply.body = without_place(std::move(reply.body));
    return tell_refusal(kVerb, reply, streams);
  };
  const json::array resources = {json::object{{"kind", "deployment"}, {"spec", spec}}};
  return change_resources(kVerb, HostClient(options), {{"resources", resources}},
                          {options.count("dry-run") != 0, options.count("force") != 0}, refused,
                          streams);
}

}  // namespace

Result<json::object> deployment_of(const variables_map& options) {
  if (!options.count("model")) return fail(Code::kInvalid, "which model? its name");
  if (!options.count("origin")) {
    return fail(Code::kInvalid, "where do its files lie? --origin FOLDER");
  }
  if (!options.count("runtime")) {
    return fail(Code::kInvalid,
                "which plugin runs it? --runtime NAME; `tenon get plugins` lists the host's");
  }
  json::object out{{"model", options["model"].as<std::string>()},
                   {"environment", options["environment"].as<std::string>()},
                   {"runtime", options["runtime"].as<std::string>()},
                   {"origin", origin_of(options["origin"].as<std::string>())}};
  put_texts(out, "flavors", options, "flavor");
  put_texts(out, "policies", options, "policy");
  if (auto scale = scale_of(options); !scale.empty()) out["scale"] = std::move(scale);
  if (options.count("canary")) {
    out["canary"] = json::object{{"weight", options["canary"].as<std::int64_t>()}};
  }
  for (const auto& [flag, key] :
       {std::pair("option", "options"), std::pair("env", "env"), std::pair("label", "labels")}) {
    auto table = pairs(options, flag, key == std::string_view("options"));
    if (!table) return std::unexpected(table.error());
    if (!table->empty()) out[key] = *std::move(table);
  }
  return out;
}

int deploy(const Arguments& words, Streams streams) {
  positional_options_description positional;
  positional.add("model", 1);
  const auto parsed = parse_options(words, flags(), positional);
  if (!parsed) return bad_usage(kVerb, parsed.error().message, streams);
  const auto spec = deployment_of(*parsed);
  if (!spec) return bad_usage(kVerb, spec.error().message, streams);
  if (parsed->count("print")) {
    streams.out << config::to_toml(*spec, "[[deployment]]");
    return kOk;
  }
  return send(*parsed, *spec, streams);
}

}  // namespace tenon::cli
