#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>

#include "host/config/sections.h"
#include "host/domain/nearest.h"

namespace tenon::config {
namespace {

using plugins::OptionSpec;
using plugins::OptionType;

bool fits(OptionType type, Scalar::Type found) {
  switch (type) {
    case OptionType::kString:
    case OptionType::kEnum:
      return found == Scalar::Type::kString;
    case OptionType::kInteger:
      return found == Scalar::Type::kInteger;
    case OptionType::kNumber:
      return found == Scalar::Type::kInteger || found == Scalar::Type::kNumber;
    case OptionType::kBoolean:
      break;
  }
  return found == Scalar::Type::kBoolean;
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

// What is wrong with a value, or nothing.
std::optional<std::string> fault(const OptionSpec& option, const Scalar& value) {
  if (!fits(option.type, value.type)) {
    return fmt::format("option '{}' must be {}, found {}", option.name, expected(option.type),
                       to_string(value.type));
  }
  if (option.type == OptionType::kEnum &&
      std::ranges::find(option.values, value.text) == option.values.end()) {
    const std::vector<std::string_view> values(option.values.begin(), option.values.end());
    return fmt::format("option '{}' must be one of {}, found '{}'{}", option.name,
                       fmt::join(values, ", "), value.text, did_you_mean(value.text, values));
  }
  if (option.type == OptionType::kInteger || option.type == OptionType::kNumber) {
    double number = 0;
    const char* end = value.text.data() + value.text.size();
    // What TOML calls inf and nan lies in no range; without one a plugin gets finite numbers too.
    const bool finite =
        std::from_chars(value.text.data(), end, number).ec == std::errc() && number - number == 0;
    if (!finite) return fmt::format("option '{}' must be a finite number", option.name);
    if ((option.minimum && number < *option.minimum) ||
        (option.maximum && number > *option.maximum)) {
      return fmt::format("option '{}' must be {}, found {}", option.name, range_of(option),
                         value.text);
    }
  }
  return std::nullopt;
}

}  // namespace

Options read_options(std::optional<Table> table, const plugins::Manifest& plugin) {
  Options out;
  out.reserve(plugin.options.size());
  for (const OptionSpec& option : plugin.options) {
    const auto value = table ? table->scalar(option.name) : std::nullopt;
    if (!value) {
      if (option.default_value) out.emplace_back(option.name, *option.default_value);
    } else if (auto message = fault(option, *value)) {
      table->problem(value->at, std::move(*message));
    } else {
      out.emplace_back(option.name, value->text);
    }
  }
  out.shrink_to_fit();
  return out;
}

}  // namespace tenon::config
