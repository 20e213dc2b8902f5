#include "host/cli/logs.h"

#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "host/cli/model_name.h"
#include "host/cli/output.h"
#include "host/cli/watch.h"

namespace tenon::cli {
namespace {

namespace json = boost::json;

constexpr std::string_view kVerb = "logs";

void print(const json::value& line, bool as_json, std::ostream& out) {
  if (as_json) {
    out << json::serialize(line) << "\n";
  } else {
    out << fmt::format("{} {:5} {}\n", text_at(line, "/time"), text_at(line, "/level"),
                       text_at(line, "/text"));
  }
}

int print_all(const HttpReply& reply, bool as_json, Streams streams) {
  boost::system::error_code error;
  const json::value answer = json::parse(reply.body, error);
  const json::value* items = error ? nullptr : json_at(answer, "/items");
  if (!items || !items->is_array()) {
    return tell_error(kVerb, {Code::kUnavailable, "the answer has no lines: is this a Tenon host?"},
                      streams);
  }
  for (const json::value& line : items->get_array()) print(line, as_json, streams.out);
  return kOk;
}

}  // namespace

int logs(const Arguments& words, Streams streams) {
  options_description options;
  add_host_options(options);
  options.add_options()("model", value<std::string>()->default_value(""))(
      "environment,e", value<std::string>()->default_value(""))("follow,f", "")(
      "tail", value<unsigned>()->default_value(100))("output,o",
                                                     value<std::string>()->default_value("text"));
  positional_options_description positional;
  positional.add("model", 1);
  const auto given = parse_options(words, options, positional);
  if (!given) return bad_usage(kVerb, given.error().message, streams);
  const auto name = model_name(*given);
  if (!name) return bad_usage(kVerb, name.error().message, streams);
  if (name->model.empty()) return bad_usage(kVerb, "of which model? MODEL[@ENVIRONMENT]", streams);
  const std::string form = (*given)["output"].as<std::string>();
  if (form != "text" && form != "json") {
    return bad_usage(kVerb, "--output must be text or json", streams);
  }
  const bool follows = given->count("follow") != 0;
  const auto path = [&](unsigned tail) {
    return target(target("/v0/models", {name->model}) + "/logs", {},
                  {{"environment", name->environment},
                   {"tail", fmt::format("{}", tail)},
                   {"follow", follows ? "true" : ""}});
  };
  const unsigned tail = (*given)["tail"].as<unsigned>();
  const HostClient host(*given);
  if (!follows) {
    const auto reply = host.send("GET", path(tail));
    if (!reply) return tell_error(kVerb, reply.error(), streams);
    if (exit_status(reply->status) != kOk) return tell_refusal(kVerb, *reply, streams);
    return print_all(*reply, form == "json", streams);
  }
  std::string last, told_until;  // times of lines: of the last, of the last of another stream
  bool is_before = false;        // a stream that goes on begins with what was told already
  const auto take = [&](const std::vector<Told>& all) {
    for (const Told& told : all) {
      if (told.event == "synced") is_before = false;
      if (told.event != "line") continue;
      const std::string time = text_at(told.resource, "/time");
      if (is_before && time <= told_until) continue;
      last = time;
      print(told.resource, form == "json", streams.out);
    }
  };
  return follow(
      kVerb, host, path(tail), take,
      [&] {
        is_before = true;
        told_until = last;
      },
      streams);
}

}  // namespace tenon::cli
