#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "host/config/node.h"
#include "host/config/problems.h"
#include "host/domain/error.h"
#include "host/domain/host_spec.h"
#include "host/domain/option_value.h"

// Strict reading of what people wrote, TOML or JSON: whatever it holds and no one asked for is an
// error, and all errors are found in one reading.
//
//   Problems problems("tenon-plugin.toml");
//   if (auto document = Document::parse(text, problems)) {
//     Table root = document->root();
//     manifest.id = root.required_string("id");
//     for (Table& option : root.tables("option")) { … }
//   }  // the tables end here, and with them the search for unknown keys
//   if (!problems.empty()) return problems.error();
namespace tenon::config {

struct Text {
  std::string value;
  Position at;
};

// A value of any simple type, as an option of a plugin may be.
struct Scalar {
  using Type = ValueType;
  Type type = Type::kOther;
  std::string text;  // as TOML writes it, a string without its quotes; empty for kOther
  Position at;
};

// One table of a document. A getter returns nothing when the key is absent, and also when its value
// is wrong: then the problem is noted. Each getter makes its key known; the end of the table's life
// refuses those that are not. Must not outlive its Document and Problems.
class Table {
 public:
  Table(Table&&) noexcept;
  Table& operator=(Table&&) = delete;
  ~Table();

  std::optional<std::string> string(std::string_view key);
  std::optional<Text> text(std::string_view key);  // a string with its position
  std::optional<bool> boolean(std::string_view key);
  std::optional<std::int64_t> integer(std::string_view key, std::int64_t least, std::int64_t most);
  std::optional<milliseconds> duration(std::string_view key);      // "30s"
  std::optional<std::uint64_t> size(std::string_view key);         // "12GB"
  std::optional<std::vector<Text>> strings(std::string_view key);  // an array of strings
  std::optional<Scalar> scalar(std::string_view key);
  std::optional<Table> table(std::string_view key);
  std::vector<Table> tables(std::string_view key);  // [[key]]; empty when absent

  // One of these words.
  template <class E>
  std::optional<E> one_of(std::string_view key,
                          std::initializer_list<std::pair<std::string_view, E>> words) {
    std::vector<std::string_view> names;
    for (const auto& [name, value] : words) names.push_back(name);
    const auto index = index_of(key, names);
    return index ? std::optional<E>((words.begin() + *index)->second) : std::nullopt;
  }

  // Absent is a problem too; then "" is returned.
  std::string required_string(std::string_view key);
  std::optional<Text> required_text(std::string_view key);

  // These keys belong to a later version: refused by name.
  void later(std::initializer_list<std::string_view> keys);

  bool has(std::string_view key) const;
  bool is_table(std::string_view key) const;
  std::vector<std::string> keys() const;          // in the file's order
  Position position() const;                      // of the table
  Position position(std::string_view key) const;  // of the key's value; of the table when absent
  Position key_position(std::string_view key) const;

  void problem(Position at, std::string message);

 private:
  friend class Document;
  struct Impl;
  explicit Table(std::unique_ptr<Impl>);
  std::optional<std::size_t> index_of(std::string_view key,
                                      const std::vector<std::string_view>& words);

  std::unique_ptr<Impl> impl_;  // null when moved from
};

class Document {
 public:
  // Of TOML. Nothing when the text is none: the problem is noted.
  static std::optional<Document> parse(std::string_view text, Problems&);
  // Of a table, whatever it was written in.
  Document(Node tree, Problems& problems) : tree_(std::move(tree)), problems_(problems) {}

  Table root();  // once

 private:
  Node tree_;
  Problems& problems_;
};

}  // namespace tenon::config
