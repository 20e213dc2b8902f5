#include "host/cli/delete.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
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

struct How {
  bool dry_run = false;
  bool force = false;
  bool of_file = false;  // what is not there is no mistake; a dry run only looks what is there
};

// What uses others goes before them.
int order(Kind kind) {
  constexpr std::array kOrder = {Kind::kDeployment, Kind::kEnvironment, Kind::kPolicy,
                                 Kind::kLocation, Kind::kWorkspace};
  return static_cast<int>(std::ranges::find(kOrder, kind) - kOrder.begin());
}

// Every workspace keeps these: they are emptied instead.
bool is_built_in(const ResourceKey& key) {
  return key.kind == Kind::kEnvironment && (key.name == kProduction || key.name == kDevelopment);
}

Result<HttpReply> send(const HostClient& host, const ResourceKey& key, How how) {
  const Listing& listing =
      *std::ranges::find(listings(), std::optional<Kind>(key.kind), &Listing::kind);
  const std::string path = target(listing.path, {key.name},
                                  {{"environment", key.environment},
                                   {"dryRun", how.dry_run ? "true" : ""},
                                   {"force", how.force ? "true" : ""}});
  // One after another they would be refused: what uses them is still there in a dry run.
  if (how.dry_run && how.of_file) {
    return host.send("GET", target(listing.path, {key.name}, {{"environment", key.environment}}));
  }
  if (!is_built_in(key)) return host.send("DELETE", path);
  return host.send("PUT", path, json::serialize(json::object{{"name", key.name}}));
}

int remove_one(const HostClient& host, const ResourceKey& key, How how, Streams streams) {
  const auto reply = send(host.in(key.workspace), key, how);
  if (!reply) return tell_error(kVerb, reply.error(), streams);
  if (reply->status == 404 && how.of_file) {
    streams.out << to_string(key) << " is not there\n";
    return kOk;
  }
  if (exit_status(reply->status) != kOk) return tell_refusal(kVerb, *reply, streams);
  if (is_built_in(key) || (how.dry_run && how.of_file)) {
    streams.out << to_string(key) << (is_built_in(key) ? " emptied" : " deleted")
                << (how.dry_run ? " (dry run)\n" : "\n");
    return kOk;
  }
  boost::system::error_code error;
  const json::value answer = json::parse(reply->body, error);
  if (!error) streams.out << change_text(answer, how.dry_run);
  return kOk;
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

Result<std::vector<ResourceKey>> of_files(const variables_map& options) {
  if (options.count("what")) return fail(Code::kInvalid, "names, or -f FILE; not both");
  const auto files = read_manifests(options["file"].as<std::vector<std::string>>(),
                                    options.count("recursive") != 0);
  if (!files) return std::unexpected(files.error());
  std::vector<ResourceKey> out;
  for (const ManifestFile& file : *files) {
    for (const ManifestResource& resource : file.resources) out.push_back(resource.key);
  }
  std::ranges::sort(out, {},
                    [](const ResourceKey& key) { return std::pair(order(key.kind), key); });
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
  const bool has_files = parsed->count("file") != 0;
  const auto keys = has_files ? of_files(*parsed) : named(*parsed);
  if (!keys) return bad_usage(kVerb, keys.error().message, streams);
  const HostClient host(*parsed);
  const How how{parsed->count("dry-run") != 0, parsed->count("force") != 0, has_files};
  int status = kOk;
  for (const ResourceKey& key : *keys) {
    status = std::max(status, remove_one(host, key, how, streams));
  }
  return status;
}

}  // namespace tenon::cli
