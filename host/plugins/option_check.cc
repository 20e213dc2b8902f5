#include "host/plugins/option_check.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>

#include "host/domain/nearest.h"

namespace tenon::plugins {
namespace {

bool fits(OptionType type, ValueType found) {
  switch (type) {
    case OptionType::kString:
    case OptionType::kEnum:
      return found == ValueType::kString;
    case OptionType::kInteger:
      return found == ValueType::kInteger;
    case OptionType::kNumber:
      return found == ValueType::kInteger || found == ValueType::kNumber;
    case OptionType::kBoolean:
      break;
  }
  return found == ValueType::kBoolean;
}

std::string_view expected(OptionType type) {
  switch (type) {
    case OptionType::kString:
    case OptionType::kEnum:
      return "a string";
    case OptionType::kInteger:
      return "an integer";
    case OptionType::kNumber:
      return "a number";
    case OptionType::kBoolean:
      break;
  }
  return "a boolean";
}

std::string range_of(const OptionSpec& option) {
  if (!option.maximum) return fmt::format("at least {}", *option.minimum);
  if (!option.minimum) return fmt::format("at most {}", *option.maximum);
  return fmt::format("from {} to {}", *option.minimum, *option.maximum);
}

}  // namespace

std::optional<std::string> fault(const OptionSpec& option, ValueType type, std::string_view text) {
  if (!fits(option.type, type)) {
    return fmt::format("option '{}' must be {}, found {}", option.name, expected(option.type),
                       to_string(type));
  }
  if (option.type == OptionType::kEnum &&
      std::ranges::find(option.values, text) == option.values.end()) {
    const std::vector<std::string_view> values(option.values.begin(), option.values.end());
    return fmt::format("option '{}' must be one of {}, found '{}'{}", option.name,
                       fmt::join(values, ", "), text, did_you_mean(text, values));
  }
  if (option.type == OptionType::kInteger || option.type == OptionType::kNumber) {
    double number = 0;
    const char* end = text.data() + text.size();
    // What TOML calls inf and nan lies in no range; without one a plugin gets finite numbers too.
    const bool finite =
        std::from_chars(text.data(), end, number).ec == std::errc() && number - number == 0;
    if (!finite) return fmt::format("option '{}' must be a finite number", option.name);
    if ((option.minimum && number < *option.minimum) ||
        (option.maximum && number > *option.maximum)) {
      return fmt::format("option '{}' must be {}, found {}", option.name, range_of(option), text);
    }
  }
  return std::nullopt;
}

Result<Options> take_options(const Manifest& plugin, std::span<const GivenOption> given) {
  for (const GivenOption& option : given) {
    if (std::ranges::find(plugin.options, option.name, &OptionSpec::name) != plugin.options.end()) {
      continue;
    }
    std::vector<std::string_view> names;
    for (const OptionSpec& spec : plugin.options) names.push_back(spec.name);
    return fail(Code::kInvalid, fmt::format("runtime '{}' has no option '{}'{}", plugin.id,
                                            option.name, did_you_mean(option.name, names)));
  }
  Options out;
  for (const OptionSpec& spec : plugin.options) {
    const auto found = std::ranges::find(given, spec.name, &GivenOption::name);
    if (found == given.end()) {
      if (spec.default_value) out.emplace_back(spec.name, *spec.default_value);
    } else if (auto message = fault(spec, found->type, found->text)) {
      return fail(Code::kInvalid, fmt::format("runtime '{}': {}", plugin.id, *message));
    } else {
      out.emplace_back(spec.name, found->text);
    }
  }
  return out;
}

}  // namespace tenon::plugins
