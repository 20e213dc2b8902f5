#include "host/cli/simulate.h"

#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>

#include "host/cli/machine.h"
#include "host/cli/manifest_files.h"
#include "host/cli/output.h"
#include "host/simulator/simulation.h"

namespace tenon::cli {
namespace {

namespace json = boost::json;
using simulator::FlavorUse;
using simulator::Outcome;
using simulator::Unplaced;
using simulator::Waits;
using std::chrono::microseconds;

constexpr std::string_view kVerb = "simulate";
constexpr std::size_t kShownUnplaced = 10;

// Of any size: a day of a fleet is large.
Result<std::string> read_trace(const std::string& path) {
  if (path == "-") return read_file_or_input(path);
  std::ifstream in(path, std::ios::binary);
  if (!in) return fail(Code::kNotFound, fmt::format("{}: {}", path, std::strerror(errno)));
  return std::string{std::istreambuf_iterator<char>(in), {}};
}

double seconds(microseconds time) {
  return static_cast<double>(time.count()) / 1e6;
}

double share(std::uint64_t part, std::uint64_t all) {
  return all == 0 ? 0 : static_cast<double>(part) / static_cast<double>(all);
}

json::object waits_json(const Waits& waits) {
  return {{"p50", seconds(waits.at(0.5))},
          {"p90", seconds(waits.at(0.9))},
          {"p99", seconds(waits.at(0.99))},
          {"most", seconds(waits.at(1))}};
}

json::object as_json(const Outcome& o) {
  json::array flavors, unplaced;
  for (const FlavorUse& use : o.flavors) {
    flavors.push_back(json::object{{"flavor", to_string(use.flavor)},
                                   {"devices", use.devices},
                                   {"memoryHeld", use.held},
                                   {"busy", use.busy},
                                   {"starts", use.starts}});
  }
  for (const Unplaced& each : o.unplaced) {
    unplaced.push_back(json::object{{"deployment", to_string(each.deployment)},
                                    {"why", each.why},
                                    {"requests", each.requests}});
  }
  return {{"seconds", seconds(o.time)},
          {"requests", o.requests},
          {"served", o.served},
          {"coldStartRate", share(o.cold, o.served)},
          {"refused",
           {{"queueFull", o.queue_full},
            {"waitedTooLong", o.waited_too_long},
            {"noPlace", o.no_place}}},
          {"waitSeconds", waits_json(o.waits)},
          {"coldWaitSeconds", waits_json(o.cold_waits)},
          {"replicas",
           {{"starts", o.starts},
            {"evictions", o.evictions},
            {"mostAtOnce", o.most_replicas},
            {"mostWaiting", o.most_waiting}}},
          {"flavors", std::move(flavors)},
          {"unplaced", std::move(unplaced)}};
}

std::string percent(double part) {
  return fmt::format("{:.2f} %", 100 * part);
}

std::string time_text(microseconds time) {
  return time.count() < 1'000'000 ? fmt::format("{:.0f} ms", seconds(time) * 1e3)
                                  : fmt::format("{:.1f} s", seconds(time));
}

std::string waits_text(const Waits& waits) {
  return fmt::format("p50 {}, p90 {}, p99 {}, most {}", time_text(waits.at(0.5)),
                     time_text(waits.at(0.9)), time_text(waits.at(0.99)), time_text(waits.at(1)));
}

void print(const Outcome& o, std::ostream& out) {
  print_table(
      out,
      {{"requests", fmt::format("{} in {:.1f} h", o.requests, seconds(o.time) / 3'600)},
       {"served", fmt::format("{} ({})", o.served, percent(share(o.served, o.requests)))},
       {"cold", fmt::format("{} of those served ({})", o.cold, percent(share(o.cold, o.served)))},
       {"refused", fmt::format("{} queue full, {} waited too long, {} no place", o.queue_full,
                               o.waited_too_long, o.no_place)},
       {"wait", waits_text(o.waits)},
       {"wait, cold", waits_text(o.cold_waits)},
       {"replicas", fmt::format("{} starts, {} evictions, at most {} at once and {} waiting",
                                o.starts, o.evictions, o.most_replicas, o.most_waiting)}});
  std::vector<std::vector<std::string>> rows{
      {"FLAVOR", "DEVICES", "MEMORY HELD", "BUSY", "STARTS"}};
  for (const FlavorUse& use : o.flavors) {
    rows.push_back({to_string(use.flavor), std::to_string(use.devices),
                    use.held == 0 ? "-" : percent(use.held), percent(use.busy),
                    std::to_string(use.starts)});
  }
  out << "\n";
  print_table(out, rows);
  if (o.unplaced.empty()) return;
  rows = {{"NO PLACE FOR", "REQUESTS", "WHY"}};
  for (const Unplaced& each : o.unplaced) {
    if (rows.size() > kShownUnplaced) break;
    rows.push_back({to_string(each.deployment), std::to_string(each.requests), each.why});
  }
  out << "\n";
  print_table(out, rows);
  if (o.unplaced.size() > kShownUnplaced) {
    out << fmt::format("and {} more\n", o.unplaced.size() - kShownUnplaced);
  }
}

Result<simulator::Scenario> scenario_of(const std::vector<std::string>& given) {
  const auto paths = manifest_paths(given, false);
  if (!paths) return std::unexpected(paths.error());
  std::vector<simulator::SourceFile> files;
  for (const std::string& path : *paths) {
    auto text = read_file_or_input(path);
    if (!text) return std::unexpected(text.error());
    files.push_back({path, *std::move(text)});
  }
  return simulator::read_scenario(files);
}

}  // namespace

int simulate(const Arguments& words, Streams streams) {
  options_description options;
  add_output_option(options);
  options.add_options()("config", value<std::vector<std::string>>())("trace", value<std::string>());
  positional_options_description positions;
  positions.add("config", -1);
  const auto parsed = parse_options(words, options, positions);
  if (!parsed) return bad_usage(kVerb, parsed.error().message, streams);
  const auto form = output_form(*parsed);
  if (!form) return bad_usage(kVerb, form.error().message, streams);
  if (!parsed->count("config") || !parsed->count("trace")) {
    return bad_usage(kVerb, "expected CONFIG… --trace FILE", streams);
  }
  const auto tell = [&](const std::string& message) {
    streams.err << message << "\n";
    return kBadUsage;
  };
  const auto scenario = scenario_of((*parsed)["config"].as<std::vector<std::string>>());
  if (!scenario) return tell(scenario.error().message);
  const std::string path = (*parsed)["trace"].as<std::string>();
  const auto text = read_trace(path);
  if (!text) return tell(text.error().message);
  const auto trace = simulator::parse_trace(*text);
  if (!trace) return tell(path + ": " + trace.error().message);
  const auto outcome = simulator::simulate(*scenario, *trace);
  if (!outcome) return tell(outcome.error().message);
  if (*form == Form::kTable) {
    print(*outcome, streams.out);
  } else {
    streams.out << in_form(*form, as_json(*outcome));
  }
  return kOk;
}

}  // namespace tenon::cli
