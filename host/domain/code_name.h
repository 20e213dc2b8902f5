#pragma once

#include <string>
#include <string_view>

// Codes of flavors and places: written in either case, kept in lower case.
namespace tenon {

std::string lower_case(std::string_view);  // A–Z only

// 1 to 63 of a–z, 0–9, '-', '.', '_', with a letter or digit at both ends.
bool is_valid_code(std::string_view);

}  // namespace tenon
