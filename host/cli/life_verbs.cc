#include "host/cli/life_verbs.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "host/cli/apply.h"
#include "host/cli/get.h"
#include "host/cli/host_client.h"
#include "host/cli/output.h"
#include "host/cli/terminal.h"
#include "host/domain/environment.h"

namespace tenon::cli {
namespace {

namespace json = boost::json;

void add_life_options(options_description& options) {
  add_host_options(options);
  options.add_options()("model", value<std::string>())("dry-run", "")("force", "");
}

void add_environment(options_description& options) {
  options.add_options()("environment,e",
                        value<std::string>()->default_value(std::string(kProduction)));
}

// The command line of a verb that takes a model, and one more word when it has a name.
Result<variables_map> read(const Arguments& words, const options_description& options,
                           const char* second = nullptr) {
  positional_options_description positional;
  positional.add("model", 1);
  if (second) positional.add(second, 1);
  auto out = parse_options(words, options, positional);
  if (out && !out->count("model")) return fail(Code::kInvalid, "which model?");
  return out;
}

// POST /v0/models/MODEL/ACTION, and what became of it.
int act(std::string_view verb, const variables_map& options, const std::string& environment,
        const json::object& body, std::string_view done, Streams streams) {
  const bool dry_run = options.count("dry-run") != 0;
  const std::string path =
      target("/v0/models", {options["model"].as<std::string>(), std::string(verb)},
             {{"environment", environment},
              {"dryRun", dry_run ? "true" : ""},
              {"force", options.count("force") ? "true" : ""}});
  const auto reply =
      HostClient(options).send("POST", path, body.empty() ? "" : json::serialize(body));
  if (!reply) return tell_error(verb, reply.error(), streams);
  if (exit_status(reply->status) != kOk) return tell_refusal(verb, *reply, streams);
  boost::system::error_code error;
  const json::value answer = json::parse(reply->body, error);
  if (error) return tell_error(verb, {Code::kUnavailable, "the answer is no JSON", false}, streams);
  if (dry_run) {
    streams.out << change_text(answer, true);
  } else {
    streams.out << fmt::format("deployment {}/{}@{} {}\n", text_at(answer, "/metadata/workspace"),
                               text_at(answer, "/metadata/name"),
                               text_at(answer, "/metadata/environment"), done);
  }
  return kOk;
}

int switch_on(std::string_view verb, std::string_view done, const Arguments& words,
              Streams streams) {
  options_description options;
  add_life_options(options);
  add_environment(options);
  const auto parsed = read(words, options);
  if (!parsed) return bad_usage(verb, parsed.error().message, streams);
  return act(verb, *parsed, (*parsed)["environment"].as<std::string>(), {}, done, streams);
}

bool is_active(const json::value& revision) {
  const json::value* active = json_at(revision, "/active");
  return active && active->is_bool() && active->get_bool();
}

// What the newest one followed: the one beside it that is active, too, when it is a canary, else
// the one before; 0 when there is none.
std::int64_t revision_before(const json::array& revisions) {
  if (revisions.size() < 2) return 0;
  const auto beside = std::find_if(revisions.begin() + 1, revisions.end(), is_active);
  const json::value* number =
      json_at(beside == revisions.end() ? revisions[1] : *beside, "/number");
  return number && number->is_int64() ? number->get_int64() : 0;
}

}  // namespace

int activate(const Arguments& words, Streams streams) {
  return switch_on("activate", "activated", words, streams);
}

int deactivate(const Arguments& words, Streams streams) {
  return switch_on("deactivate", "deactivated", words, streams);
}

int release(const Arguments& words, Streams streams) {
  constexpr std::string_view kVerb = "release";
  options_description options;
  add_life_options(options);
  options.add_options()("from", value<std::string>())(
      "to", value<std::string>()->default_value(std::string(kProduction)))("policies", "")(
      "canary", value<std::int64_t>());
  const auto parsed = read(words, options);
  if (!parsed) return bad_usage(kVerb, parsed.error().message, streams);
  if (!parsed->count("from")) return bad_usage(kVerb, "from where? --from ENVIRONMENT", streams);
  const auto from = (*parsed)["from"].as<std::string>();
  json::object body{{"from", from}, {"to", (*parsed)["to"].as<std::string>()}};
  if (parsed->count("policies")) body["policies"] = true;
  if (parsed->count("canary")) body["canary"] = (*parsed)["canary"].as<std::int64_t>();
  return act(kVerb, *parsed, "", body, "released from " + terminal_text(from), streams);
}

int rollback(const Arguments& words, Streams streams) {
  constexpr std::string_view kVerb = "rollback";
  options_description options;
  add_life_options(options);
  add_environment(options);
  options.add_options()("revision", value<std::int64_t>()->default_value(0));
  const auto parsed = read(words, options, "revision");
  if (!parsed) return bad_usage(kVerb, parsed.error().message, streams);
  const auto environment = (*parsed)["environment"].as<std::string>();
  std::int64_t revision = (*parsed)["revision"].as<std::int64_t>();
  if (revision == 0) {
    const auto kept = fetch_list(HostClient(*parsed), **find_listing("revisions"),
                                 (*parsed)["model"].as<std::string>(), environment);
    if (!kept) return tell_error(kVerb, kept.error(), streams);
    if (kept->refused) return tell_refusal(kVerb, *kept->refused, streams);
    revision = revision_before(kept->items);
    if (revision == 0) {
      streams.err << "tenon rollback: there is no earlier revision\n";
      return kRefused;
    }
  }
  return act(kVerb, *parsed, environment, {{"revision", revision}},
             fmt::format("is as in revision {} again", revision), streams);
}

int canary(const Arguments& words, Streams streams) {
  constexpr std::string_view kVerb = "canary";
  options_description options;
  add_life_options(options);
  add_environment(options);
  options.add_options()("weight", value<std::int64_t>())("promote", "")("abort", "");
  const auto parsed = read(words, options);
  if (!parsed) return bad_usage(kVerb, parsed.error().message, streams);
  if (parsed->count("weight") + parsed->count("promote") + parsed->count("abort") != 1) {
    return bad_usage(kVerb, "what with it? One of --weight PERCENT, --promote and --abort",
                     streams);
  }
  std::int64_t weight = parsed->count("promote") ? 100 : 0;
  std::string done =
      parsed->count("promote") ? "has its canary for all requests" : "is without its canary again";
  if (parsed->count("weight")) {
    weight = (*parsed)["weight"].as<std::int64_t>();
    done = fmt::format("gives its canary {} % of the requests", weight);
  }
  return act(kVerb, *parsed, (*parsed)["environment"].as<std::string>(), {{"weight", weight}}, done,
             streams);
}

}  // namespace tenon::cli
