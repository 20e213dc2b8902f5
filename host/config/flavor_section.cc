#include <fmt/format.h>

#include "host/config/sections.h"
#include "host/domain/units.h"

namespace tenon::config {
namespace {

void read_memory(Table& table, FlavorRule& rule) {
  const auto range = table.strings("memory");
  if (!range) return;
  const auto least = range->size() == 2 ? parse_size((*range)[0].value) : Result<std::uint64_t>(0);
  const auto most = range->size() == 2 ? parse_size((*range)[1].value) : Result<std::uint64_t>(0);
  if (range->size() != 2 || !least || !most || *least > *most) {
    table.problem(table.position("memory"),
                  "'memory' must be the least and the most that a device has, such as [\"70GB\", "
                  "\"90GB\"]");
    return;
  }
  rule.least = *least;
  rule.most = *most;
}

}  // namespace

std::vector<FlavorRule> read_flavor_rules(Table& root) {
  std::vector<FlavorRule> out;
  for (Table& table : root.tables("flavor")) {
    FlavorRule rule;
    if (const auto match = table.required_text("match")) {
      if (match->value.empty()) {
        table.problem(match->at,
                      "'match' is empty: expected a device's name as `tenon doctor` shows it, "
                      "with * for any letters, such as \"NVIDIA H100*\"");
      }
      rule.match = match->value;
    }
    read_memory(table, rule);
    if (const auto code = table.required_text("code")) {
      const auto flavor = parse_flavor(code->value);
      if (!flavor) {
        table.problem(code->at, flavor.error().message);
      } else if (flavor->type != FlavorType::kGpu) {
        table.problem(code->at, fmt::format("'{}' is a CPU flavor: rules name GPUs, such as "
                                            "\"gpu/h100\"; a CPU's flavor is its architecture",
                                            code->value));
      } else {
        rule.flavor = *flavor;
      }
    }
    out.push_back(std::move(rule));
  }
  return out;
}

}  // namespace tenon::config
