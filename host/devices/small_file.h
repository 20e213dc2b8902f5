#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

// Reading what the kernel writes.
namespace tenon::devices {

// Nothing when it cannot be read; at most 8 MB.
std::optional<std::string> small_file(const std::string& path);

std::string_view trimmed(std::string_view);
std::vector<std::string_view> lines_of(std::string_view);
std::vector<std::string_view> words_of(std::string_view);  // between blanks

}  // namespace tenon::devices
