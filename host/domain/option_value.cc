#include "host/domain/option_value.h"

namespace tenon {

std::string_view to_string(ValueType type) {
  switch (type) {
    case ValueType::kString:
      return "a string";
    case ValueType::kInteger:
      return "an integer";
    case ValueType::kNumber:
      return "a number";
    case ValueType::kBoolean:
      return "a boolean";
    case ValueType::kOther:
      break;
  }
  return "neither string, number nor boolean";
}

}  // namespace tenon
