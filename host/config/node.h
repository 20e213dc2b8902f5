#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tenon::config {

// Where something stands in a file; from 1, columns in characters. 0: the file as a whole. What was
// JSON has the number of its value as the line.
struct Position {
  unsigned line = 0;
  unsigned column = 0;
  auto operator<=>(const Position&) const = default;
};

// A value of a document, whatever it was written in.
struct Node {
  enum class Type : std::uint8_t {
    kTable,
    kArray,
    kString,
    kInteger,
    kNumber,
    kBoolean,
    kTime,
    kNull
  };
  Type type = Type::kNull;
  std::string key;  // in a table
  Position key_at;
  Position at;
  std::string text;          // of a string
  std::int64_t integer = 0;  // of an integer, and 0 or 1 of a boolean
  double number = 0;
  std::vector<Node> children;         // of a table in the file's order, of an array
  std::vector<std::uint32_t> by_key;  // of a large table: its children by key

  const Node* find(std::string_view child) const;  // in a table
  void index();                                    // once all children of a table are there
  bool is_array_of_tables() const;
};

// "a string", for messages.
std::string_view type_name(const Node&);

}  // namespace tenon::config
