#include "host/cli/get.h"

#include <fmt/format.h>
#include <unistd.h>

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <thread>
#include <utility>

#include "host/cli/output.h"
#include "host/cli/watch.h"
#include "host/cli/watched.h"
#include "host/cli/yaml_writer.h"
#include "host/domain/environment.h"

namespace tenon::cli {
namespace {

namespace json = boost::json;

constexpr std::chrono::seconds kBetweenLooks{2};

Result<json::value> parsed(const HttpReply& reply) {
  boost::system::error_code error;
  json::value out = json::parse(reply.body, error);
  if (error) return fail(Code::kUnavailable, "the answer is no JSON: is this a Tenon host?");
  return out;
}

// Everything as TOML, but what is left of its budgets, and what happened to it, as tables.
void print_described(const json::value& resource, std::ostream& out) {
  json::value rest = resource;
  std::vector<std::vector<std::vector<std::string>>> tables;
  for (const Listing* listing : {&budgets_listing(), *find_listing("events")}) {
    json::object* fields = rest.if_object();
    const json::value* found = fields ? fields->if_contains(listing->name) : nullptr;
    if (!found || !found->is_array()) continue;
    std::vector<std::vector<std::string>> rows = {heads(*listing)};
    for (const json::value& item : found->get_array()) rows.push_back(row(*listing, item));
    if (rows.size() > 1) tables.push_back(std::move(rows));
    fields->erase(listing->name);
  }
  out << as_toml(rest);
  for (const auto& rows : tables) {
    out << "\n";
    print_table(out, rows);
  }
}

std::string environment_or_usual(const std::string& environment) {
  return environment.empty() ? std::string(kProduction) : environment;
}

// What a command line asks for.
struct Wanted {
  const Listing* listing = nullptr;
  std::string name, environment;
  Form form = Form::kTable;
  bool watch = false;
};

Result<Items> fetch(const HostClient& host, const Wanted& wanted) {
  if (wanted.name.empty() || wanted.listing->of_model) {
    return fetch_list(host, *wanted.listing, wanted.name, wanted.environment);
  }
  return fetch_one(host, *wanted.listing, wanted.name, wanted.environment);
}

void print(const Wanted& wanted, const json::array& items, std::ostream& out) {
  const bool one = !wanted.name.empty() && !wanted.listing->of_model;
  if (wanted.form == Form::kJson) {
    out << pretty_json(one ? items.front()
                           : json::value(json::object{{"items", items}, {"next", nullptr}}));
  } else if (wanted.form == Form::kYaml) {
    for (const json::value& item : items) {
      out << (items.size() > 1 ? "---\n" : "") << to_yaml(item);
    }
  } else if (wanted.form == Form::kToml) {
    bool first = true;
    for (const json::value& item : items) {
      if (!std::exchange(first, false)) out << "\n";
      out << as_manifest(item, wanted.listing->name);
    }
  } else {
    std::vector<std::vector<std::string>> rows = {heads(*wanted.listing)};
    for (const json::value& item : items) rows.push_back(row(*wanted.listing, item));
    print_table(out, rows);
  }
}

int show(std::string_view verb, const HostClient& host, const Wanted& wanted, Streams streams) {
  for (;;) {
    const auto found = fetch(host, wanted);
    if (!found) return tell_error(verb, found.error(), streams);
    if (found->refused) return tell_refusal(verb, *found->refused, streams);
    if (wanted.watch && ::isatty(STDOUT_FILENO)) streams.out << kClear;
    print(wanted, found->items, streams.out);
    if (!wanted.watch) return kOk;
    streams.out.flush();
    if (!streams.out) return kOk;  // nobody reads any more
    std::this_thread::sleep_for(kBetweenLooks);
  }
}

std::string watch_path(const Wanted& wanted) {
  const bool takes_environment = wanted.listing->kind == Kind::kDeployment;
  return target(wanted.listing->path, {},
                {{"watch", "true"}, {"environment", takes_environment ? wanted.environment : ""}});
}

int watch(std::string_view verb, const HostClient& host, const Wanted& wanted, Streams streams) {
  if (wanted.form == Form::kToml) {
    return bad_usage(verb, "--watch prints table, json or yaml: TOML has no events", streams);
  }
  Watched watched(
      wanted.name, wanted.form, [&](const auto& items) { print(wanted, items, streams.out); },
      [&](const json::value& item) { return row(*wanted.listing, item); }, streams.out);
  return follow(
      verb, host, watch_path(wanted), [&](const auto& told) { watched.take(told); },
      [&] { watched.anew(); }, streams);
}

// All of it, again at each change.
int watch_described(std::string_view verb, const HostClient& host, const Wanted& wanted,
                    Streams streams) {
  const auto take = [&](const std::vector<Told>& all) {
    const Told* last = nullptr;
    for (const Told& told : all) {
      if (text_at(told.resource, "/metadata/name") == wanted.name) last = &told;
    }
    if (!last) return;
    streams.out << (::isatty(STDOUT_FILENO) ? kClear : "\n");
    if (last->event == "removed") return (void)(streams.out << wanted.name << " was removed\n");
    const auto found = fetch(host, wanted);
    if (found && !found->refused) print_described(found->items.front(), streams.out);
  };
  return follow(verb, host, watch_path(wanted), take, [] {}, streams);
}

Result<Wanted> wanted_of(const variables_map& options) {
  if (!options.count("kind")) {
    std::string names;
    for (const Listing& each : listings())
      names += (names.empty() ? "" : ", ") + std::string(each.name);
    return fail(Code::kInvalid, "which kind? " + names);
  }
  const auto listing = find_listing(options["kind"].as<std::string>());
  if (!listing) return std::unexpected(listing.error());
  Wanted out;
  out.listing = *listing;
  if (options.count("name")) out.name = options["name"].as<std::string>();
  out.environment = options["environment"].as<std::string>();
  if ((*listing)->of_model && out.name.empty()) {
    return fail(Code::kInvalid, fmt::format("{} of which model?", (*listing)->name));
  }
  if (!(*listing)->of_model && !(*listing)->kind && !out.name.empty()) {
    return fail(Code::kInvalid,
                fmt::format("{} are told as a list: they take no name", (*listing)->name));
  }
  return out;
}

void add_what(options_description& options) {
  add_host_options(options);
  options.add_options()("kind", value<std::string>())("name", value<std::string>())(
      "environment,e", value<std::string>()->default_value(""));
}

positional_options_description kind_and_name() {
  positional_options_description out;
  out.add("kind", 1).add("name", 1);
  return out;
}

}  // namespace

Result<Items> fetch_list(const HostClient& host, const Listing& listing, const std::string& model,
                         const std::string& environment) {
  Items out;
  std::string path(listing.path);
  if (listing.of_model) path = target(path, {model}) + "/" + std::string(listing.name);
  const bool takes_environment = listing.of_model || listing.kind == Kind::kDeployment;
  const bool has_pages = listing.has_pages;
  std::string after;
  do {
    const auto reply =
        host.send("GET", target(path, {},
                                {{"limit", has_pages ? "1000" : ""},
                                 {"environment", takes_environment ? environment : ""},
                                 {"after", after}}));
    if (!reply) return std::unexpected(reply.error());
    if (reply->status != 200) return Items{{}, *reply};
    const auto body = parsed(*reply);
    if (!body) return std::unexpected(body.error());
    const json::value* items = json_at(*body, "/items");
    if (!items || !items->is_array()) {
      return fail(Code::kUnavailable, "the answer is no list: is this a Tenon host?");
    }
    out.items.insert(out.items.end(), items->get_array().begin(), items->get_array().end());
    const json::value* next = json_at(*body, "/next");
    after = next && next->is_string() ? std::string(next->get_string()) : "";
  } while (has_pages && !after.empty());
  return out;
}

Result<Items> fetch_one(const HostClient& host, const Listing& listing, const std::string& name,
                        const std::string& environment) {
  const std::string asked =
      listing.kind == Kind::kDeployment ? environment_or_usual(environment) : "";
  const auto reply = host.send("GET", target(listing.path, {name}, {{"environment", asked}}));
  if (!reply) return std::unexpected(reply.error());
  if (reply->status != 200) return Items{{}, *reply};
  auto body = parsed(*reply);
  if (!body) return std::unexpected(body.error());
  Items out;
  out.items.push_back(*std::move(body));
  return out;
}

int get(const Arguments& words, Streams streams) {
  constexpr std::string_view kVerb = "get";
  options_description options;
  add_what(options);
  add_output_option(options);
  options.add_options()("watch", "");
  const auto parsed = parse_options(words, options, kind_and_name());
  if (!parsed) return bad_usage(kVerb, parsed.error().message, streams);
  auto wanted = wanted_of(*parsed);
  if (!wanted) return bad_usage(kVerb, wanted.error().message, streams);
  const auto form = output_form(*parsed);
  if (!form) return bad_usage(kVerb, form.error().message, streams);
  wanted->form = *form;
  wanted->watch = parsed->count("watch") != 0;
  if (wanted->watch && wanted->listing->kind) {
    return watch(kVerb, HostClient(*parsed), *wanted, streams);
  }
  return show(kVerb, HostClient(*parsed), *wanted, streams);  // these have no stream
}

int describe(const Arguments& words, Streams streams) {
  constexpr std::string_view kVerb = "describe";
  options_description options;
  add_what(options);
  options.add_options()("watch", "");
  const auto parsed = parse_options(words, options, kind_and_name());
  if (!parsed) return bad_usage(kVerb, parsed.error().message, streams);
  auto wanted = wanted_of(*parsed);
  if (!wanted) return bad_usage(kVerb, wanted.error().message, streams);
  if (!wanted->listing->kind || wanted->name.empty()) {
    return bad_usage(kVerb, "which one? KIND and NAME of a resource", streams);
  }
  const HostClient host(*parsed);
  const auto found = fetch(host, *wanted);
  if (!found) return tell_error(kVerb, found.error(), streams);
  if (found->refused) return tell_refusal(kVerb, *found->refused, streams);
  if (parsed->count("watch")) {
    if (wanted->listing->kind == Kind::kDeployment) {
      wanted->environment = environment_or_usual(wanted->environment);
    }
    return watch_described(kVerb, host, *wanted, streams);
  }
  print_described(found->items.front(), streams.out);
  return kOk;
}

}  // namespace tenon::cli
