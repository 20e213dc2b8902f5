#include "host/cli/delete.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <set>
#include <utility>

#include "host/cli/apply.h"
#include "host/cli/host_client.h"
#include "host/cli/listing.h"
#include "host/cli/manifest_files.h"
#include "host/domain/environment.h"

namespace tenon::cli {
namespace {

namespace json = boost::json;

constexpr std::string_view kVerb = "delete";

// Every workspace keeps these: they are emptied instead.
bool is_built_in(const ResourceKey& key) {
  return key.kind == Kind::kEnvironment && (key.name == kProduction || key.name == kDevelopment);
}

Result<HttpReply> send(const HostClient& host, const ResourceKey& key, HowToApply how) {
  const Listing& listing =
      *std::ranges::find(listings(), std::optional<Kind>(key.kind), &Listing::kind);
  const std::string path = target(listing.path, {key.name},
                                  {{"environment", key.environment},
                                   {"dryRun", how.dry_run ? "true" : ""},
                                   {"force", how.force ? "true" : ""}});
  if (!is_built_in(key)) return host.send("DELETE", path);
  return host.send("PUT", path, json::serialize(json::object{{"name", key.name}}));
}

int remove_one(const HostClient& host, const ResourceKey& key, HowToApply how, Streams streams) {
  const auto reply = send(host, key, how);
  if (!reply) return tell_error(kVerb, reply.error(), streams);
  if (exit_status(reply->status) != kOk) return tell_refusal(kVerb, *reply, streams);
  if (is_built_in(key)) {
    streams.out << to_string(key) << " emptied" << (how.dry_run ? " (dry run)\n" : "\n");
    return kOk;
  }
  boost::system::error_code error;
  const json::value answer = json::parse(reply->body, error);
  if (!error) streams.out << change_text(answer, how.dry_run);
  return kOk;
}

// What files hold, in one request: all of it or nothing.
json::object removal_of(const std::set<ResourceKey>& keys) {
  json::array remove, emptied;
  for (const ResourceKey& key : keys) {
    json::object told{{"name", key.name}};
    if (!key.workspace.empty()) told["workspace"] = key.workspace;
    if (!key.environment.empty()) told["environment"] = key.environment;
    if (!is_built_in(key)) {
      told["kind"] = to_string(key.kind);
      remove.push_back(std::move(told));
    } else if (!keys.contains({Kind::kWorkspace, "", key.workspace, ""})) {
      emptied.push_back(json::object{{"kind", to_string(key.kind)}, {"spec", std::move(told)}});
    }
  }
  return {{"resources", std::move(emptied)}, {"remove", std::move(remove)}};
}

Result<std::vector<ResourceKey>> named(const variables_map& options) {
  if (!options.count("what")) return fail(Code::kInvalid, "what? KIND NAME, or -f FILE");
  const auto words = options["what"].as<std::vector<std::string>>();
  const auto listing = find_kind(words[0]);
  if (!listing) return std::unexpected(listing.error());
  if (words.size() == 1) {
    return fail(Code::kInvalid, fmt::format("which of the {}? their names", (*listing)->name));
  }
  const std::string environment =
      (*listing)->kind == Kind::kDeployment ? options["environment"].as<std::string>() : "";
  std::vector<ResourceKey> out;
  for (std::size_t i = 1; i < words.size(); ++i) {
    out.push_back({*(*listing)->kind, "", words[i], environment});
  }
  return out;
}

Result<std::set<ResourceKey>> of_files(const variables_map& options) {
  if (options.count("what")) return fail(Code::kInvalid, "names, or -f FILE; not both");
  const auto files = read_manifests(options["file"].as<std::vector<std::string>>(),
                                    options.count("recursive") != 0);
  if (!files) return std::unexpected(files.error());
  std::set<ResourceKey> out;
  for (const ManifestFile& file : *files) {
    for (const ManifestResource& resource : file.resources) out.insert(resource.key);
  }
  return out;
}

}  // namespace

int remove(const Arguments& words, Streams streams) {
  options_description options;
  add_host_options(options);
  options.add_options()("file,f", value<std::vector<std::string>>())("recursive,R", "")(
      "dry-run", "")("force", "")("what", value<std::vector<std::string>>())(
      "environment,e", value<std::string>()->default_value(std::string(kProduction)));
  positional_options_description positional;
  positional.add("what", -1);
  const auto parsed = parse_options(words, options, positional);
  if (!parsed) return bad_usage(kVerb, parsed.error().message, streams);
  HowToApply how{parsed->count("dry-run") != 0, parsed->count("force") != 0, false};
  const HostClient host(*parsed);
  if (parsed->count("file")) {
    const auto keys = of_files(*parsed);
    if (!keys) return bad_usage(kVerb, keys.error().message, streams);
    how.ignore_absent = true;
    return change_resources(
        kVerb, host, removal_of(*keys), how,
        [&](const HttpReply& reply) { return tell_refusal(kVerb, reply, streams); }, streams);
  }
  const auto keys = named(*parsed);
  if (!keys) return bad_usage(kVerb, keys.error().message, streams);
  int status = kOk;
  for (const ResourceKey& key : *keys) {
    status = std::max(status, remove_one(host, key, how, streams));
  }
  return status;
}

}  // namespace tenon::cli
