#pragma once

#include <boost/json/array.hpp>
#include <vector>

#include "host/control/call.h"

// Long lists are answered in pages.
namespace tenon::control {

inline const Param kLimit{"limit", Param::Type::kInteger,
                          "items of a page, at most 1000; 100 when absent"};
inline const Param kAfter{"after", Param::Type::kString, "'next' of the page before"};

std::size_t page_size(const Call&);

// A page of items that have a "name", numbers in their order: {"items", "next"}.
void answer_page(Call&, boost::json::array items);

}  // namespace tenon::control
