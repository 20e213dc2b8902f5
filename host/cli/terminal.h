#pragma once

#include <string>
#include <string_view>

namespace tenon::cli {

// Nothing but what a terminal shows as one line: control characters become '?'.
std::string terminal_text(std::string_view);

// At most `most` bytes of it, cut at a letter and ended by "…".
std::string shortened(std::string_view, std::size_t most);

}  // namespace tenon::cli
