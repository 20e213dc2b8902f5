#include "host/control/usage_routes.h"

#include <fmt/format.h>

#include "host/control/usage_books.h"
#include "host/control/usage_json.h"
#include "host/domain/moment.h"

namespace tenon::control {
namespace {

using std::chrono::hours;
using Time = store::Time;

Time month_of(Time time) {
  const std::chrono::year_month_day day(std::chrono::floor<std::chrono::days>(time));
  return std::chrono::sys_days(day.year() / day.month() / 1);
}

// Nothing when it was refused.
std::optional<Time> moment(Call& call, std::string_view param, Time otherwise) {
  const auto text = call.text(param);
  if (!text) return otherwise;
  const auto time = parse_utc(*text);
  if (!time)
    call.refuse(api::kUnprocessable, fmt::format("query: '{}': {}", param, time.error().message));
  return time ? std::optional(*time) : std::nullopt;
}

void usage(Api& api, Call& call) {
  const std::string word = call.text("by").value_or("deployment");
  const auto by = usage_by(word);
  if (!by) {
    return call.refuse(api::kUnprocessable,
                       fmt::format("query: 'by' must be {}, found '{}'", kUsageBy, word));
  }
  const Time now = std::chrono::system_clock::now();
  const auto to = moment(call, "to", now);
  const auto from =
      to ? moment(call, "from", month_of(*to - std::chrono::nanoseconds(1))) : std::nullopt;
  if (!from) return;
  // What is kept is kept by the hour.
  const Time begin = std::chrono::floor<hours>(*from), end = std::chrono::ceil<hours>(*to);
  if (begin >= end) return call.refuse(api::kUnprocessable, "query: 'from' must lie before 'to'");
  const auto uses = api.parts().usage.used(call.workspace, begin, end);
  if (!uses) return call.refuse(uses.error());
  boost::json::object answer{{"workspace", call.workspace},
                             {"from", utc_text(begin)},
                             {"to", utc_text(end)},
                             {"by", word}};
  for (auto& [name, value] : usage_json(*uses, *by)) answer[name] = std::move(value);
  call.answer(std::move(answer));
}

}  // namespace

void add_usage_routes(std::vector<Route>& out) {
  using enum Param::Type;
  out.push_back({"GET",
                 "/v0/usage",
                 "getUsage",
                 "Adds up what deployments used: requests, tokens, replicas and their memory over "
                 "time",
                 access::Act::kRead,
                 {{"from", kString,
                   "2026-11-24 or 2026-11-24T16:00:00Z, at the full hour before; the month's begin "
                   "when absent"},
                  {"to", kString, "likewise, at the full hour after; now when absent"},
                  {"by", kString, "deployment (default), revision, flavor or environment"}},
                 "",
                 "Usage",
                 200,
                 usage});
}

}  // namespace tenon::control
