#include "host/config/node.h"

#include <algorithm>
#include <numeric>

namespace tenon::config {
namespace {

constexpr std::size_t kSmall = 16;  // a table of so many keys is searched from its beginning

}  // namespace

const Node* Node::find(std::string_view child) const {
  if (by_key.empty()) {
    const auto found = std::ranges::find(children, child, &Node::key);
    return found == children.end() ? nullptr : &*found;
  }
  const auto key_of = [this](std::uint32_t i) -> std::string_view { return children[i].key; };
  const auto found = std::ranges::lower_bound(by_key, child, {}, key_of);
  return found == by_key.end() || key_of(*found) != child ? nullptr : &children[*found];
}

void Node::index() {
  if (children.size() <= kSmall) return;
  by_key.resize(children.size());
  std::iota(by_key.begin(), by_key.end(), 0U);
  std::ranges::sort(by_key, {},
                    [this](std::uint32_t i) -> std::string_view { return children[i].key; });
}

bool Node::is_array_of_tables() const {
  return type == Type::kArray && !children.empty() &&
         std::ranges::all_of(children, [](const Node& n) { return n.type == Type::kTable; });
}

std::string_view type_name(const Node& node) {
  switch (node.type) {
    case Node::Type::kTable:
      return "a table";
    case Node::Type::kArray:
      return node.is_array_of_tables() ? "an array of tables" : "an array";
    case Node::Type::kString:
      return "a string";
    case Node::Type::kInteger:
      return "an integer";
    case Node::Type::kNumber:
      return "a number";
    case Node::Type::kBoolean:
      return "a boolean";
    case Node::Type::kTime:
      return "a date or time";
    case Node::Type::kNull:
      break;
  }
  return "null";
}

}  // namespace tenon::config
