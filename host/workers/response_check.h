#pragma once

#include <optional>
#include <string>
#include <string_view>

// The rules of tenon_response that both sides check: a plugin's answer before it leaves the
// worker, and a worker's answer before the host believes it.
namespace tenon::workers {

// What is wrong with a header of an answer, or nothing. Names are lower-case tokens, values hold no
// control characters, and what belongs to the connection is the host's.
std::optional<std::string> header_fault(std::string_view name, std::string_view value);

inline bool is_valid_status(unsigned status) {
  return status >= 200 && status <= 599;
}

}  // namespace tenon::workers
