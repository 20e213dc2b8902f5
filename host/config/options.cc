#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "host/config/sections.h"
#include "host/domain/nearest.h"
#include "host/plugins/option_check.h"

namespace tenon::config {

using plugins::OptionSpec;

Options read_options(std::optional<Table> table, const plugins::Manifest& plugin) {
  Options out;
  out.reserve(plugin.options.size());
  for (const OptionSpec& option : plugin.options) {
    const auto value = table ? table->scalar(option.name) : std::nullopt;
    if (!value) {
      if (option.default_value) out.emplace_back(option.name, *option.default_value);
    } else if (auto message = plugins::fault(option, value->type, value->text)) {
      table->problem(value->at, std::move(*message));
    } else {
      out.emplace_back(option.name, value->text);
    }
  }
  out.shrink_to_fit();
  return out;
}

std::vector<GivenOption> read_given(std::optional<Table> table,
                                    const std::vector<plugins::Manifest>& plugins) {
  std::vector<GivenOption> out;
  if (!table) return out;
  std::set<std::string_view> known;
  for (const auto& plugin : plugins) {
    for (const OptionSpec& option : plugin.options) known.insert(option.name);
  }
  bool all_known = true;
  for (const std::string& name : table->keys()) {
    const auto value = table->scalar(name);
    if (!known.contains(name)) {
      const std::vector<std::string_view> names(known.begin(), known.end());
      table->problem(
          table->key_position(name),
          fmt::format("no installed plugin has an option '{}'{}", name, did_you_mean(name, names)));
      all_known = false;
    } else if (value) {
      out.push_back({name, value->type, value->text});
    }
  }
  if (out.empty()) return out;
  std::string reasons;
  for (const auto& plugin : plugins) {
    const auto taken = plugins::take_options(plugin, out);
    if (taken) return out;
    reasons += "; " + taken.error().message;
  }
  if (all_known) {
    table->problem(table->position(), "no installed plugin takes these options together" + reasons);
  }
  return out;
}

}  // namespace tenon::config
