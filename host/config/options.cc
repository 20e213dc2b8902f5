#include <fmt/format.h>

#include <algorithm>

#include "host/config/sections.h"
#include "host/domain/nearest.h"
#include "host/plugins/option_check.h"

namespace tenon::config {

using plugins::OptionSpec;

std::vector<GivenOption> read_options(std::optional<Table> table, const plugins::Manifest& plugin) {
  std::vector<GivenOption> out;
  if (!table) return out;
  for (const OptionSpec& option : plugin.options) {
    const auto value = table->scalar(option.name);
    if (!value) continue;
    if (auto message = plugins::fault(option, value->type, value->text)) {
      table->problem(value->at, std::move(*message));
    } else {
      out.push_back({option.name, value->type, value->text});
    }
  }
  return out;
}

std::vector<GivenOption> read_unjudged(std::optional<Table> table) {
  std::vector<GivenOption> out;
  if (!table) return out;
  for (const std::string& name : table->keys()) {
    if (const auto value = table->scalar(name)) out.push_back({name, value->type, value->text});
  }
  return out;
}

}  // namespace tenon::config
