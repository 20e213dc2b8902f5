#include "host/config/json_nodes.h"

#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <boost/json/stream_parser.hpp>
#include <boost/json/value.hpp>
#include <utility>

namespace tenon::config {
namespace {

namespace json = boost::json;

class Numbering {
 public:
  Node node(const json::value& from) {
    Node out;
    out.at = out.key_at = {++count_, 0};
    switch (from.kind()) {
      case json::kind::object:
        fill(out, from.get_object());
        break;
      case json::kind::array:
        out.type = Node::Type::kArray;
        out.children.reserve(from.get_array().size());
        for (const json::value& child : from.get_array()) out.children.push_back(node(child));
        break;
      case json::kind::string:
        out.type = Node::Type::kString;
        out.text = from.get_string();
        break;
      case json::kind::int64:
        out.type = Node::Type::kInteger;
        out.integer = from.get_int64();
        break;
      case json::kind::uint64:
        if (std::in_range<std::int64_t>(from.get_uint64())) {
          out.type = Node::Type::kInteger;
          out.integer = static_cast<std::int64_t>(from.get_uint64());
        } else {  // no key takes so much
          out.type = Node::Type::kNumber;
          out.number = static_cast<double>(from.get_uint64());
        }
        break;
      case json::kind::double_:
        out.type = Node::Type::kNumber;
        out.number = from.get_double();
        break;
      case json::kind::bool_:
        out.type = Node::Type::kBoolean;
        out.integer = from.get_bool() ? 1 : 0;
        break;
      case json::kind::null:
        break;
    }
    return out;
  }

  void fill(Node& out, const json::object& from) {
    out.type = Node::Type::kTable;
    out.children.reserve(from.size());
    for (const auto& [key, value] : from) {
      out.children.push_back(node(value));
      out.children.back().key = key;
    }
    out.index();
  }

 private:
  unsigned count_ = 0;
};

void add_paths(const json::value& value, const std::string& path, std::vector<std::string>& out) {
  out.push_back(path);
  if (const json::object* object = value.if_object()) {
    for (const auto& [key, child] : *object) {
      add_paths(child, fmt::format("{}.{}", path, std::string_view(key)), out);
    }
  } else if (const json::array* array = value.if_array()) {
    for (std::size_t i = 0; i < array->size(); ++i) {
      add_paths((*array)[i], fmt::format("{}[{}]", path, i), out);
    }
  }
}

}  // namespace

Node nodes_of(const json::object& object) {
  Node root;
  Numbering().fill(root, object);
  return root;
}

std::vector<std::string> paths_of(const json::object& object) {
  std::vector<std::string> out;
  for (const auto& [key, value] : object) add_paths(value, std::string(key), out);
  return out;
}

json::value json_of(const Node& node) {
  switch (node.type) {
    case Node::Type::kTable: {
      json::object out;
      for (const Node& child : node.children) out[child.key] = json_of(child);
      return out;
    }
    case Node::Type::kArray: {
      json::array out;
      for (const Node& child : node.children) out.push_back(json_of(child));
      return out;
    }
    case Node::Type::kString:
      return json::string(node.text);
    case Node::Type::kInteger:
      return node.integer;
    case Node::Type::kNumber:
      return node.number;
    case Node::Type::kBoolean:
      return node.integer != 0;
    case Node::Type::kTime:
    case Node::Type::kNull:
      break;
  }
  return nullptr;
}

Result<json::object> parse_json_object(std::string_view text) {
  json::stream_parser parser;
  boost::system::error_code error;
  const std::size_t read = parser.write(text, error);
  if (!error) parser.finish(error);
  if (error) {
    return fail(Code::kInvalid, fmt::format("no JSON: {} at byte {}", error.message(), read));
  }
  json::value value = parser.release();
  if (value.is_object()) return std::move(value.get_object());
  return fail(Code::kInvalid, "expected a JSON object, such as {\"name\": \"…\"}");
}

}  // namespace tenon::config
