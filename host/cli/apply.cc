#include "host/cli/apply.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <sstream>

#include "host/cli/manifest_files.h"
#include "host/cli/output.h"
#include "host/cli/spec_diff.h"

namespace tenon::cli {
namespace {

namespace json = boost::json;

constexpr std::string_view kVerb = "apply";

json::array resources_of(const ManifestFile& file) {
  json::array out;
  for (const ManifestResource& resource : file.resources) {
    out.push_back(json::object{{"kind", to_string(resource.key.kind)}, {"spec", resource.spec()}});
  }
  return out;
}

int tell_placed(const ManifestFile& file, const HttpReply& reply, Streams streams) {
  std::istringstream lines(refusal_text(reply));
  for (std::string line; std::getline(lines, line);) {
    streams.err << "tenon apply: " << file.placed(line) << "\n";
  }
  return std::max(exit_status(reply.status), kFailed);
}

// All of a file or nothing of it.
int apply_file(const HostClient& host, const ManifestFile& file, HowToApply how, Streams streams) {
  if (file.resources.empty()) {
    streams.err << "tenon apply: " << file.path << ": holds no resources\n";
    return kOk;
  }
  return change_resources(
      kVerb, host, {{"resources", resources_of(file)}}, how,
      [&](const HttpReply& reply) { return tell_placed(file, reply, streams); }, streams);
}

}  // namespace

int change_resources(std::string_view verb, const HostClient& host, json::object wishes,
                     HowToApply how, const std::function<int(HttpReply)>& refused,
                     Streams streams) {
  auto reply = host.send("POST",
                         target("/v0/apply", {},
                                {{"dryRun", how.dry_run ? "true" : ""},
                                 {"force", how.force ? "true" : ""},
                                 {"ignoreAbsent", how.ignore_absent ? "true" : ""}}),
                         json::serialize(wishes));
  if (!reply) return tell_error(verb, reply.error(), streams);
  if (reply->status != 200) return refused(*std::move(reply));
  boost::system::error_code error;
  const json::value answer = json::parse(reply->body, error);
  const json::value* results = error ? nullptr : json_at(answer, "/results");
  if (!results || !results->is_array()) {
    return tell_error(verb, {Code::kUnavailable, "the answer has no results", false}, streams);
  }
  for (const json::value& each : results->get_array()) {
    streams.out << change_text(each, how.dry_run);
  }
  return kOk;
}

std::string change_text(const json::value& change, bool dry_run) {
  const std::string workspace = text_at(change, "/workspace");
  const std::string environment = text_at(change, "/environment");
  std::string out = fmt::format("{} {}{}{} {}{}\n", text_at(change, "/kind"),
                                workspace.empty() ? "" : workspace + "/", text_at(change, "/name"),
                                environment.empty() ? "" : "@" + environment,
                                text_at(change, "/result"), dry_run ? " (dry run)" : "");
  const std::string result = text_at(change, "/result");
  const json::value* before = json_at(change, "/before");
  const json::value* after = json_at(change, "/after");
  if (!dry_run || result == "unchanged" || !before || !after) return out;
  const auto lines = spec_diff(*before, *after);
  for (const std::string& line : lines) out += "  " + line + "\n";
  if (lines.empty()) out += "  only values of secrets differ\n";
  return out;
}

int apply(const Arguments& words, Streams streams) {
  options_description options;
  add_host_options(options);
  add_conversion_options(options);
  options.add_options()("file,f", value<std::vector<std::string>>())("recursive,R", "")(
      "dry-run", "")("force", "");
  positional_options_description positional;
  positional.add("file", -1);
  const auto parsed = parse_options(words, options, positional);
  if (!parsed) return bad_usage(kVerb, parsed.error().message, streams);
  if (!parsed->count("file")) return bad_usage(kVerb, "which file? -f FILE", streams);
  const auto files = read_manifests((*parsed)["file"].as<std::vector<std::string>>(),
                                    parsed->count("recursive") != 0, conversion_options(*parsed));
  if (!files) {
    streams.err << files.error().message << "\n";
    return kBadUsage;
  }
  for (const ManifestFile& file : *files) streams.err << file.notes;
  const HostClient host(*parsed);
  const HowToApply how{parsed->count("dry-run") != 0, parsed->count("force") != 0};
  // Nothing of a dry run is there when the next file comes, which may name it.
  if (how.dry_run) return apply_file(host, joined(*files), how, streams);
  int status = kOk;
  for (const ManifestFile& file : *files) {
    status = std::max(status, apply_file(host, file, how, streams));
  }
  return status;
}

}  // namespace tenon::cli
