#pragma once

#include <boost/json/value.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "host/domain/error.h"
#include "host/domain/resource.h"

namespace tenon::cli {

struct Column {
  std::string_view head;
  std::string_view pointer;  // into an item: "/metadata/name"
  // What a person reads of the value, which is not null.
  std::string (*text)(const boost::json::value&);
};

// What a host can be asked for: a kind of resource, or a list that it keeps.
struct Listing {
  std::string_view name;                 // "policies"
  std::vector<std::string_view> others;  // understood as well
  std::optional<Kind> kind;              // nothing: a list without items that can be asked for
  std::string_view path;                 // "/v0/policies"
  bool of_model = false;                 // "/v0/models/MODEL/…": it belongs to a deployment
  std::vector<Column> columns;
  bool has_pages = kind.has_value();
};

std::span<const Listing> listings();

// By any of its names; the error names the nearest.
Result<const Listing*> find_listing(std::string_view word);
// The same among kinds of resources only.
Result<const Listing*> find_kind(std::string_view word);

// What is left of token budgets: it comes with a resource, not by itself.
const Listing& budgets_listing();

std::vector<std::string> heads(const Listing&);
// What is missing is "-", and nothing that a host says reaches the terminal as a control.
std::vector<std::string> row(const Listing&, const boost::json::value& item);

}  // namespace tenon::cli
