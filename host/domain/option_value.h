#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace tenon {

enum class ValueType : std::uint8_t { kString, kInteger, kNumber, kBoolean, kOther };
std::string_view to_string(ValueType);  // "a string"

// A plugin's option as an operator wrote it, before it is known which plugin will get it.
struct GivenOption {
  std::string name;
  ValueType type = ValueType::kOther;
  std::string text;  // a string without its quotes; empty for kOther
  bool operator==(const GivenOption&) const = default;
};

}  // namespace tenon
