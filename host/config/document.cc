#include "host/config/document.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "host/config/toml_nodes.h"
#include "host/domain/nearest.h"
#include "host/domain/units.h"

namespace tenon::config {
namespace {

// A message names at most this many characters of what was found.
constexpr std::size_t kShownText = 80;

std::string shown(std::string_view text) {
  std::string out(text.substr(0, kShownText));
  std::ranges::replace_if(out, [](unsigned char c) { return c < ' ' || c == 0x7F; }, '?');
  return text.size() > kShownText ? out + "…" : out;
}

}  // namespace

struct Table::Impl {
  const Node& table;
  Problems& problems;
  std::string name;  // as the file writes it: "[host.limits]"; empty for the file itself
  std::string path;  // "host.limits"
  Position at;
  std::vector<std::string> known;

  const Node* find(std::string_view key) {
    if (std::ranges::find(known, key) == known.end()) known.emplace_back(key);
    return table.find(key);
  }

  // The node of a key when it has the wanted type.
  const Node* find(std::string_view key, Node::Type type, std::string_view wanted) {
    const Node* node = find(key);
    if (!node || node->type == type) return node;
    problems.add(node->at, fmt::format("'{}' must be {}, found {}", key, wanted, type_name(*node)));
    return nullptr;
  }

  std::string in() const { return name.empty() ? "" : " in " + name; }

  void refuse_unknown() {
    std::vector<std::string_view> names(known.begin(), known.end());
    for (const Node& node : table.children) {
      if (std::ranges::find(names, node.key) != names.end()) continue;
      const std::string hint = did_you_mean(node.key, names);
      std::ranges::sort(names);
      problems.add(node.key_at, fmt::format("unknown key '{}'{}{}", shown(node.key), in(),
                                            !hint.empty()   ? hint
                                            : names.empty() ? std::string("; no key is known there")
                                                            : fmt::format("; known keys: {}",
                                                                          fmt::join(names, ", "))));
    }
  }
};

Table::Table(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Table::Table(Table&&) noexcept = default;
Table::~Table() {
  if (impl_) impl_->refuse_unknown();
}

std::optional<Text> Table::text(std::string_view key) {
  const Node* node = impl_->find(key, Node::Type::kString, "a string");
  return node ? std::optional(Text{node->text, node->at}) : std::nullopt;
}

std::optional<std::string> Table::string(std::string_view key) {
  auto found = text(key);
  return found ? std::optional(std::move(found->value)) : std::nullopt;
}

std::optional<Text> Table::required_text(std::string_view key) {
  auto found = text(key);
  if (!has(key)) {
    problem(impl_->at, fmt::format("'{}' is missing{}", key, impl_->in()));
  } else if (found && found->value.empty()) {
    problem(found->at, fmt::format("'{}' is empty", key));
    return std::nullopt;
  }
  return found;
}

std::string Table::required_string(std::string_view key) {
  auto found = required_text(key);
  return found ? std::move(found->value) : std::string();
}

std::optional<bool> Table::boolean(std::string_view key) {
  const Node* node = impl_->find(key, Node::Type::kBoolean, "a boolean");
  return node ? std::optional(node->integer != 0) : std::nullopt;
}

std::optional<std::int64_t> Table::integer(std::string_view key, std::int64_t least,
                                           std::int64_t most) {
  const Node* node = impl_->find(key, Node::Type::kInteger, "an integer");
  if (!node) return std::nullopt;
  if (node->integer < least || node->integer > most) {
    problem(node->at,
            fmt::format("'{}' must be from {} to {}, found {}", key, least, most, node->integer));
    return std::nullopt;
  }
  return node->integer;
}

std::optional<milliseconds> Table::duration(std::string_view key) {
  const Node* node = impl_->find(key, Node::Type::kString, "a duration in quotes, such as \"30s\"");
  if (!node) return std::nullopt;
  const auto parsed = parse_duration(node->text);
  if (parsed) return *parsed;
  problem(node->at, fmt::format("'{}': {}", key, parsed.error().message));
  return std::nullopt;
}

std::optional<std::uint64_t> Table::size(std::string_view key) {
  const Node* node = impl_->find(key, Node::Type::kString, "a size in quotes, such as \"512MiB\"");
  if (!node) return std::nullopt;
  const auto parsed = parse_size(node->text);
  if (parsed) return *parsed;
  problem(node->at, fmt::format("'{}': {}", key, parsed.error().message));
  return std::nullopt;
}

std::optional<std::vector<Text>> Table::strings(std::string_view key) {
  const Node* array = impl_->find(key, Node::Type::kArray, "an array of strings");
  if (!array) return std::nullopt;
  std::vector<Text> out;
  for (const Node& node : array->children) {
    if (node.type == Node::Type::kString) {
      out.push_back({node.text, node.at});
    } else {
      problem(node.at, fmt::format("'{}' must hold strings, found {}", key, type_name(node)));
    }
  }
  return out;
}

std::optional<Scalar> Table::scalar(std::string_view key) {
  const Node* node = impl_->find(key);
  if (!node) return std::nullopt;
  Scalar out{Scalar::Type::kOther, "", node->at};
  if (node->type == Node::Type::kString) {
    out.type = Scalar::Type::kString;
    out.text = node->text;
  } else if (node->type == Node::Type::kInteger) {
    out.type = Scalar::Type::kInteger;
    out.text = fmt::format("{}", node->integer);
  } else if (node->type == Node::Type::kNumber) {
    out.type = Scalar::Type::kNumber;
    out.text = fmt::format("{}", node->number);
  } else if (node->type == Node::Type::kBoolean) {
    out.type = Scalar::Type::kBoolean;
    out.text = node->integer ? "true" : "false";
  }
  return out;
}

std::optional<Table> Table::table(std::string_view key) {
  const Node* node = impl_->find(key, Node::Type::kTable, "a table");
  if (!node) return std::nullopt;
  std::string path =
      impl_->path.empty() ? std::string(key) : fmt::format("{}.{}", impl_->path, key);
  std::string name = fmt::format("[{}]", path);
  return Table(std::make_unique<Impl>(
      Impl{*node, impl_->problems, std::move(name), std::move(path), node->at, {}}));
}

std::vector<Table> Table::tables(std::string_view key) {
  const Node* array =
      impl_->find(key, Node::Type::kArray, fmt::format("tables, each under [[{}]]", key));
  std::vector<Table> out;
  if (!array) return out;
  for (const Node& node : array->children) {
    if (node.type == Node::Type::kTable) {
      out.push_back(Table(std::make_unique<Impl>(
          Impl{node, impl_->problems, fmt::format("[[{}]]", key), std::string(key), node.at, {}})));
    } else {
      problem(node.at, fmt::format("'{}' must hold tables, each under [[{}]], found {}", key, key,
                                   type_name(node)));
    }
  }
  return out;
}

std::optional<std::size_t> Table::index_of(std::string_view key,
                                           const std::vector<std::string_view>& words) {
  const auto found = text(key);
  if (!found) return std::nullopt;
  const auto at = std::ranges::find(words, found->value);
  if (at != words.end()) return static_cast<std::size_t>(at - words.begin());
  problem(found->at,
          fmt::format("'{}' must be one of {}, found '{}'{}", key, fmt::join(words, ", "),
                      shown(found->value), did_you_mean(found->value, words)));
  return std::nullopt;
}

void Table::later(std::initializer_list<std::string_view> keys) {
  for (std::string_view key : keys) {
    const Node* node = impl_->table.find(key);
    if (!node) continue;
    impl_->known.emplace_back(key);  // known, but not offered to those who mistype
    problem(node->key_at,
            fmt::format("'{}'{} is not yet supported in this version", key, impl_->in()));
  }
}

bool Table::has(std::string_view key) const {
  return impl_->table.find(key) != nullptr;
}

bool Table::is_table(std::string_view key) const {
  const Node* node = impl_->table.find(key);
  return node && node->type == Node::Type::kTable;
}

std::vector<std::string> Table::keys() const {
  std::vector<std::string> out;
  for (const Node& node : impl_->table.children) out.push_back(node.key);
  return out;
}

Position Table::position() const {
  return impl_->at;
}

Position Table::position(std::string_view key) const {
  const Node* node = impl_->table.find(key);
  return node ? node->at : impl_->at;
}

Position Table::key_position(std::string_view key) const {
  const Node* node = impl_->table.find(key);
  return node ? node->key_at : impl_->at;
}

void Table::problem(Position at, std::string message) {
  impl_->problems.add(at, std::move(message));
}

std::optional<Document> Document::parse(std::string_view text, Problems& problems) {
  auto tree = parse_toml(text, problems);
  return tree ? std::optional<Document>(std::in_place, *std::move(tree), problems) : std::nullopt;
}

Table Document::root() {
  return Table(
      std::make_unique<Table::Impl>(Table::Impl{tree_, problems_, "", "", Position{}, {}}));
}

}  // namespace tenon::config
