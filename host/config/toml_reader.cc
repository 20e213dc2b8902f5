#include "host/config/toml_reader.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "host/config/tomlpp.h"
#include "host/domain/nearest.h"
#include "host/domain/units.h"

namespace tenon::config {
namespace {

// A message names at most this many characters of what was found.
constexpr std::size_t kShownText = 80;
constexpr std::size_t kShownProblems = 100;

Position position_of(const toml::source_position& at) {
  return {at.line, at.column};
}

std::string_view type_name(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::table:
      return "a table";
    case toml::node_type::array:
      return node.as_array()->is_array_of_tables() ? "an array of tables" : "an array";
    case toml::node_type::string:
      return "a string";
    case toml::node_type::integer:
      return "an integer";
    case toml::node_type::floating_point:
      return "a number";
    case toml::node_type::boolean:
      return "a boolean";
    case toml::node_type::date:
      return "a date";
    case toml::node_type::time:
      return "a time";
    case toml::node_type::date_time:
      return "a date and time";
    case toml::node_type::none:
      break;
  }
  return "nothing";
}

std::string shown(std::string_view text) {
  std::string out(text.substr(0, kShownText));
  std::ranges::replace_if(out, [](unsigned char c) { return c < ' ' || c == 0x7F; }, '?');
  return text.size() > kShownText ? out + "…" : out;
}

}  // namespace

std::vector<Problem> Problems::sorted() const {
  std::vector<Problem> out = found_;
  std::ranges::sort(out);
  return out;
}

std::string Problems::text() const {
  std::string out;
  std::size_t count = 0;
  for (const auto& [at, message] : sorted()) {
    if (!out.empty()) out += '\n';
    if (count++ == kShownProblems) {
      return out + fmt::format("{}: … and {} more errors", file_, found_.size() - kShownProblems);
    }
    out += at.line ? fmt::format("{}:{}:{}: {}", file_, at.line, at.column, message)
                   : fmt::format("{}: {}", file_, message);
  }
  return out;
}

std::string_view to_string(Scalar::Type type) {
  switch (type) {
    case Scalar::Type::kString:
      return "a string";
    case Scalar::Type::kInteger:
      return "an integer";
    case Scalar::Type::kNumber:
      return "a number";
    case Scalar::Type::kBoolean:
      return "a boolean";
    case Scalar::Type::kOther:
      break;
  }
  return "neither string, number nor boolean";
}

struct Table::Impl {
  const toml::table& table;
  Problems& problems;
  std::string name;  // as the file writes it: "[host.limits]"; empty for the file itself
  std::string path;  // "host.limits"
  Position at;
  std::vector<std::string> known;

  const toml::node* find(std::string_view key) {
    if (std::ranges::find(known, key) == known.end()) known.emplace_back(key);
    return table.get(key);
  }

  // The node of a key when it has the wanted type.
  template <class T>
  const T* find(std::string_view key, std::string_view wanted) {
    const toml::node* node = find(key);
    if (!node) return nullptr;
    const T* typed = node->as<T>();
    if (!typed) {
      problems.add(position_of(node->source().begin),
                   fmt::format("'{}' must be {}, found {}", key, wanted, type_name(*node)));
    }
    return typed;
  }

  std::string in() const { return name.empty() ? "" : " in " + name; }

  void refuse_unknown() {
    std::vector<std::string_view> names(known.begin(), known.end());
    for (const auto& [key, node] : table) {
      if (std::ranges::find(names, key.str()) != names.end()) continue;
      const std::string hint = did_you_mean(key.str(), names);
      std::ranges::sort(names);
      problems.add(
          position_of(key.source().begin),
          fmt::format("unknown key '{}'{}{}", shown(key.str()), in(),
                      !hint.empty()   ? hint
                      : names.empty() ? std::string("; no key is known there")
                                      : fmt::format("; known keys: {}", fmt::join(names, ", "))));
    }
  }
};

Table::Table(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Table::Table(Table&&) noexcept = default;
Table::~Table() {
  if (impl_) impl_->refuse_unknown();
}

std::optional<Text> Table::text(std::string_view key) {
  const auto* value = impl_->find<toml::value<std::string>>(key, "a string");
  if (!value) return std::nullopt;
  return Text{value->get(), position_of(value->source().begin)};
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
  const auto* value = impl_->find<toml::value<bool>>(key, "a boolean");
  return value ? std::optional(value->get()) : std::nullopt;
}

std::optional<std::int64_t> Table::integer(std::string_view key, std::int64_t least,
                                           std::int64_t most) {
  const auto* value = impl_->find<toml::value<std::int64_t>>(key, "an integer");
  if (!value) return std::nullopt;
  if (value->get() < least || value->get() > most) {
    problem(position_of(value->source().begin),
            fmt::format("'{}' must be from {} to {}, found {}", key, least, most, value->get()));
    return std::nullopt;
  }
  return value->get();
}

std::optional<milliseconds> Table::duration(std::string_view key) {
  const auto* value =
      impl_->find<toml::value<std::string>>(key, "a duration in quotes, such as \"30s\"");
  if (!value) return std::nullopt;
  const auto parsed = parse_duration(value->get());
  if (!parsed) {
    problem(position_of(value->source().begin),
            fmt::format("'{}': {}", key, parsed.error().message));
    return std::nullopt;
  }
  return *parsed;
}

std::optional<std::uint64_t> Table::size(std::string_view key) {
  const auto* value =
      impl_->find<toml::value<std::string>>(key, "a size in quotes, such as \"512MiB\"");
  if (!value) return std::nullopt;
  const auto parsed = parse_size(value->get());
  if (!parsed) {
    problem(position_of(value->source().begin),
            fmt::format("'{}': {}", key, parsed.error().message));
    return std::nullopt;
  }
  return *parsed;
}

std::optional<std::vector<Text>> Table::strings(std::string_view key) {
  const auto* array = impl_->find<toml::array>(key, "an array of strings");
  if (!array) return std::nullopt;
  std::vector<Text> out;
  for (const toml::node& node : *array) {
    const Position at = position_of(node.source().begin);
    if (const auto* value = node.as_string()) {
      out.push_back({value->get(), at});
    } else {
      problem(at, fmt::format("'{}' must hold strings, found {}", key, type_name(node)));
    }
  }
  return out;
}

std::optional<Scalar> Table::scalar(std::string_view key) {
  const toml::node* node = impl_->find(key);
  if (!node) return std::nullopt;
  Scalar out{Scalar::Type::kOther, "", position_of(node->source().begin)};
  if (const auto* string = node->as_string()) {
    out.type = Scalar::Type::kString;
    out.text = string->get();
  } else if (const auto* integer = node->as_integer()) {
    out.type = Scalar::Type::kInteger;
    out.text = fmt::format("{}", integer->get());
  } else if (const auto* number = node->as_floating_point()) {
    out.type = Scalar::Type::kNumber;
    out.text = fmt::format("{}", number->get());
  } else if (const auto* boolean = node->as_boolean()) {
    out.type = Scalar::Type::kBoolean;
    out.text = boolean->get() ? "true" : "false";
  }
  return out;
}

std::optional<Table> Table::table(std::string_view key) {
  const auto* table = impl_->find<toml::table>(key, "a table");
  if (!table) return std::nullopt;
  std::string path =
      impl_->path.empty() ? std::string(key) : fmt::format("{}.{}", impl_->path, key);
  std::string name = fmt::format("[{}]", path);
  return Table(std::make_unique<Impl>(Impl{*table,
                                           impl_->problems,
                                           std::move(name),
                                           std::move(path),
                                           position_of(table->source().begin),
                                           {}}));
}

std::vector<Table> Table::tables(std::string_view key) {
  const auto* array = impl_->find<toml::array>(key, fmt::format("tables, each under [[{}]]", key));
  std::vector<Table> out;
  if (!array) return out;
  for (const toml::node& node : *array) {
    const Position at = position_of(node.source().begin);
    if (const auto* table = node.as_table()) {
      out.push_back(Table(std::make_unique<Impl>(
          Impl{*table, impl_->problems, fmt::format("[[{}]]", key), std::string(key), at, {}})));
    } else {
      problem(at, fmt::format("'{}' must hold tables, each under [[{}]], found {}", key, key,
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
    const auto at = impl_->table.find(key);
    if (at == impl_->table.end()) continue;
    impl_->known.emplace_back(key);  // known, but not offered to those who mistype
    problem(position_of(at->first.source().begin),
            fmt::format("'{}'{} is not yet supported in this version", key, impl_->in()));
  }
}

bool Table::has(std::string_view key) const {
  return impl_->table.contains(key);
}

std::vector<std::string> Table::keys() const {
  std::vector<std::pair<Position, std::string>> placed;
  for (const auto& [key, node] : impl_->table) {
    placed.emplace_back(position_of(key.source().begin), key.str());
  }
  std::ranges::sort(placed);
  std::vector<std::string> out;
  for (auto& [at, key] : placed) out.push_back(std::move(key));
  return out;
}

Position Table::position() const {
  return impl_->at;
}

Position Table::position(std::string_view key) const {
  const toml::node* node = impl_->table.get(key);
  return node ? position_of(node->source().begin) : impl_->at;
}

Position Table::key_position(std::string_view key) const {
  const auto at = impl_->table.find(key);
  return at == impl_->table.end() ? impl_->at : position_of(at->first.source().begin);
}

void Table::problem(Position at, std::string message) {
  impl_->problems.add(at, std::move(message));
}

struct Document::Impl {
  toml::table tree;
  Problems& problems;
};

Document::Document(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Document::Document(Document&&) noexcept = default;
Document::~Document() = default;

std::optional<Document> Document::parse(std::string_view text, Problems& problems) {
  toml::parse_result result = toml::parse(text);
  if (!result) {
    problems.add(position_of(result.error().source().begin),
                 std::string(result.error().description()));
    return std::nullopt;
  }
  return Document(std::make_unique<Impl>(Impl{std::move(result).table(), problems}));
}

Table Document::root() {
  return Table(std::make_unique<Table::Impl>(
      Table::Impl{impl_->tree, impl_->problems, "", "", Position{}, {}}));
}

}  // namespace tenon::config
