#include "host/config/toml_nodes.h"

#include <algorithm>

#include "host/config/tomlpp.h"

namespace tenon::config {
namespace {

Position position_of(const toml::source_position& at) {
  return {at.line, at.column};
}

Node node_of(const toml::node& from) {
  Node node;
  node.at = position_of(from.source().begin);
  switch (from.type()) {
    case toml::node_type::table:
      node.type = Node::Type::kTable;
      node.children.reserve(from.as_table()->size());
      for (const auto& [key, child] : *from.as_table()) {
        Node& added = node.children.emplace_back(node_of(child));
        added.key = key.str();
        added.key_at = position_of(key.source().begin);
      }
      std::ranges::sort(node.children, {}, &Node::key_at);
      node.index();
      break;
    case toml::node_type::array:
      node.type = Node::Type::kArray;
      node.children.reserve(from.as_array()->size());
      for (const toml::node& child : *from.as_array()) node.children.push_back(node_of(child));
      break;
    case toml::node_type::string:
      node.type = Node::Type::kString;
      node.text = from.as_string()->get();
      break;
    case toml::node_type::integer:
      node.type = Node::Type::kInteger;
      node.integer = from.as_integer()->get();
      break;
    case toml::node_type::floating_point:
      node.type = Node::Type::kNumber;
      node.number = from.as_floating_point()->get();
      break;
    case toml::node_type::boolean:
      node.type = Node::Type::kBoolean;
      node.integer = from.as_boolean()->get() ? 1 : 0;
      break;
    default:
      node.type = Node::Type::kTime;
  }
  return node;
}

}  // namespace

std::optional<Node> parse_toml(std::string_view text, Problems& problems) {
  const toml::parse_result result = toml::parse(text);
  if (result) return node_of(result.table());
  problems.add(position_of(result.error().source().begin),
               std::string(result.error().description()));
  return std::nullopt;
}

}  // namespace tenon::config
