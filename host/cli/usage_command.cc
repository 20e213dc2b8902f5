#include "host/cli/usage_command.h"

#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>

#include "host/cli/host_client.h"
#include "host/cli/output.h"
#include "host/cli/terminal.h"

namespace tenon::cli {
namespace {

namespace json = boost::json;

using Row = std::vector<std::string>;

struct Heading {
  const char* key;
  const char* head;
};
constexpr Heading kNames[] = {{"/model", "MODEL"},
                              {"/environment", "ENVIRONMENT"},
                              {"/revision", "REVISION"},
                              {"/flavor", "FLAVOR"}};

std::string cell(const json::value& item, std::string_view pointer) {
  const json::value* found = json_at(item, pointer);
  if (!found) return "-";
  if (found->is_string()) return terminal_text(found->get_string());
  boost::system::error_code error;
  const auto number = found->to_number<std::uint64_t>(error);
  return error ? "-" : fmt::format("{}", number);
}

double number_at(const json::value& item, std::string_view pointer) {
  const json::value* found = json_at(item, pointer);
  boost::system::error_code error;
  const double number = found ? found->to_number<double>(error) : 0;
  return error ? 0 : number;
}

void add_numbers(Row& row, const json::value& item) {
  constexpr double kHour = 3'600, kGigabyte = 1e9;
  row.push_back(cell(item, "/requests"));
  row.push_back(cell(item, "/inputTokens"));
  row.push_back(cell(item, "/outputTokens"));
  row.push_back(fmt::format("{:.3f}", number_at(item, "/replicaSeconds") / kHour));
  row.push_back(fmt::format("{:.3f}", number_at(item, "/deviceByteSeconds") / kGigabyte / kHour));
}

}  // namespace

std::vector<Row> usage_rows(const json::value& answer) {
  const json::value* items = json_at(answer, "/items");
  static const json::array kNone;
  const json::array& all = items && items->is_array() ? items->get_array() : kNone;
  std::vector<Heading> names;
  for (const Heading& name : kNames) {
    if (!all.empty() && json_at(all.front(), name.key)) names.push_back(name);
  }
  if (names.empty()) names.push_back({"/none", "WHAT"});
  std::vector<Row> rows(1);
  for (const Heading& name : names) rows[0].push_back(name.head);
  for (const char* head : {"REQUESTS", "INPUT", "OUTPUT", "REPLICA HOURS", "GB HOURS"}) {
    rows[0].push_back(head);
  }
  for (const json::value& item : all) {
    Row& row = rows.emplace_back();
    for (const Heading& name : names) row.push_back(cell(item, name.key));
    add_numbers(row, item);
  }
  Row total(names.size());
  total[0] = "total";
  const json::value* sum = json_at(answer, "/total");
  add_numbers(total, sum ? *sum : json::value());
  rows.push_back(std::move(total));
  return rows;
}

int usage(const Arguments& words, Streams streams) {
  constexpr std::string_view kVerb = "usage";
  options_description options;
  add_host_options(options);
  add_output_option(options);
  options.add_options()("by", value<std::string>()->default_value("deployment"))(
      "from", value<std::string>()->default_value(""))("to",
                                                       value<std::string>()->default_value(""));
  const auto given = parse_options(words, options);
  if (!given) return bad_usage(kVerb, given.error().message, streams);
  const auto form = output_form(*given);
  if (!form) return bad_usage(kVerb, form.error().message, streams);
  const auto text = [&](const char* name) { return (*given)[name].as<std::string>(); };
  const std::string path =
      target("/v0/usage", {}, {{"by", text("by")}, {"from", text("from")}, {"to", text("to")}});
  const auto reply = HostClient(*given).send("GET", path);
  if (!reply) return tell_error(kVerb, reply.error(), streams);
  if (exit_status(reply->status) != kOk) return tell_refusal(kVerb, *reply, streams);
  boost::system::error_code error;
  const json::value answer = json::parse(reply->body, error);
  if (error || !json_at(answer, "/items")) {
    return tell_error(
        kVerb, {Code::kUnavailable, "the answer tells no usage: is this a Tenon host?"}, streams);
  }
  if (*form == Form::kTable) {
    print_table(streams.out, usage_rows(answer));
  } else {
    streams.out << in_form(*form, answer);
  }
  return kOk;
}

}  // namespace tenon::cli
