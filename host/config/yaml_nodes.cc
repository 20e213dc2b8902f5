#include "host/config/yaml_nodes.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <istream>
#include <map>
#include <spanstream>
#include <string>
#include <utility>

namespace tenon::config {
namespace {

constexpr std::size_t kLargestText = 16 << 20;
constexpr std::size_t kMostNodes = 1'000'000;  // what anchors and aliases copy counted
constexpr std::size_t kMostDepth = 64;

struct Refused {
  Position at;
  std::string message;
};

Position position_of(const YAML::Mark& mark) {
  return {static_cast<unsigned>(mark.line + 1), static_cast<unsigned>(mark.column + 1)};
}

bool is_one_of(std::string_view text, std::initializer_list<std::string_view> words) {
  return std::ranges::find(words, text) != words.end();
}

std::optional<std::int64_t> integer_in(std::string_view text) {
  int base = 10;
  std::string digits(text.starts_with('-') ? "-" : "");
  text.remove_prefix(text.starts_with('-') || text.starts_with('+') ? 1 : 0);
  if (text.starts_with("0x") || text.starts_with("0o")) {
    base = text[1] == 'x' ? 16 : 8;
    text.remove_prefix(2);
  }
  if (text.starts_with('-')) return std::nullopt;
  digits += text;
  std::int64_t out = 0;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), out, base);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return out;
}

std::optional<double> number_in(std::string_view text) {
  text.remove_prefix(text.starts_with('+') ? 1 : 0);
  if (text.find_first_not_of("0123456789+-.eE") != text.npos) return std::nullopt;
  double out = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return out;
}

// What a plain word is, by the core schema of YAML 1.2.
void read_plain(Node& node, const std::string& text) {
  if (is_one_of(text, {"", "~", "null", "Null", "NULL"})) return;
  if (is_one_of(text, {"true", "True", "TRUE", "false", "False", "FALSE"})) {
    node.type = Node::Type::kBoolean;
    node.integer = text[0] == 't' || text[0] == 'T';
  } else if (const auto integer = integer_in(text)) {
    node.type = Node::Type::kInteger;
    node.integer = *integer;
  } else if (const auto number = number_in(text)) {
    node.type = Node::Type::kNumber;
    node.number = *number;
  } else {
    node.type = Node::Type::kString;
    node.text = text;
  }
}

std::size_t size_of(const Node& node) {
  std::size_t out = 1;
  for (const Node& child : node.children) out += size_of(child);
  return out;
}

// Builds trees from what the parser meets.
class Builder final : public YAML::EventHandler {
 public:
  std::vector<Node> documents;

  void OnDocumentStart(const YAML::Mark& mark) override {
    count(position_of(mark), 1);
    // The parser takes what can begin no value for a document without end, again and again.
    if (begin_ && *begin_ == position_of(mark))
      refuse(mark, "no YAML: nothing can begin like this");
    begin_ = position_of(mark);
    root_ = {};
    open_.clear();
    anchors_.clear();
  }
  void OnDocumentEnd() override { documents.push_back(std::move(root_)); }

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    count(position_of(mark), 1);
    Node node;
    node.at = position_of(mark);
    take(std::move(node), anchor, "");
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto known = anchors_.find(anchor);
    if (known == anchors_.end()) {
      refuse(mark, "an alias within what it stands for");
    }
    count(position_of(mark), size_of(known->second));
    if (awaits_key()) refuse(mark, "an alias as a key: expected a text");
    Node node = known->second;
    node.at = position_of(mark);
    take(std::move(node), 0, "");
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    count(position_of(mark), 1);
    Node node;
    node.at = position_of(mark);
    if (tag == "?" && !awaits_key()) {
      read_plain(node, value);
    } else if (is_one_of(tag, {"?", "!", ""})) {
      node.type = Node::Type::kString;
      node.text = value;
    } else {
      refuse(mark, fmt::format("the tag '{}': no value here takes one", tag));
    }
    if (awaits_key() && tag == "?" && value == "<<") {
      refuse(mark, "a merge key '<<': write out what it stands for");
    }
    take(std::move(node), anchor, value);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(mark, tag, anchor, Node::Type::kArray);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(mark, tag, anchor, Node::Type::kTable);
  }
  void OnMapEnd() override {
    open_.back().node.index();
    close();
  }

 private:
  struct Open {
    Node node;
    YAML::anchor_t anchor = 0;
    std::optional<Node> key = {};               // of a table: whose value comes next
    std::map<std::string, unsigned> keys = {};  // with their lines
  };

  [[noreturn]] static void refuse(Position at, std::string message) {
    throw Refused{at, std::move(message)};
  }
  [[noreturn]] static void refuse(const YAML::Mark& mark, std::string message) {
    refuse(position_of(mark), std::move(message));
  }

  void count(Position at, std::size_t nodes) {
    count_ += nodes;
    if (count_ > kMostNodes) {
      refuse(at, fmt::format("more than {} values, with those that aliases stand for: that is no "
                             "manifest",
                             kMostNodes));
    }
  }

  bool awaits_key() const {
    return !open_.empty() && open_.back().node.type == Node::Type::kTable && !open_.back().key;
  }

  void open(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
            Node::Type type) {
    count(position_of(mark), 1);
    if (!is_one_of(tag, {"?", "!", ""})) {
      refuse(mark, fmt::format("the tag '{}': no value here takes one", tag));
    }
    if (awaits_key()) refuse(mark, "a key that is no text");
    if (open_.size() == kMostDepth) {
      refuse(mark, fmt::format("deeper than {} levels", kMostDepth));
    }
    Open& added = open_.emplace_back();
    added.node.type = type;
    added.node.at = position_of(mark);
    added.anchor = anchor;
  }

  void close() {
    Open done = std::move(open_.back());
    open_.pop_back();
    take(std::move(done.node), done.anchor, "");
  }

  void take(Node node, YAML::anchor_t anchor, const std::string& plain) {
    if (anchor) {
      count(node.at, size_of(node));
      anchors_[anchor] = node;
    }
    if (open_.empty()) {
      root_ = std::move(node);
      return;
    }
    Open& to = open_.back();
    if (to.node.type == Node::Type::kArray) {
      to.node.children.push_back(std::move(node));
    } else if (!to.key) {
      if (node.type != Node::Type::kString) throw Refused{node.at, "a key that is no text"};
      const auto [first, fresh] = to.keys.emplace(node.text, node.at.line);
      if (!fresh) {
        throw Refused{node.at,
                      fmt::format("a second '{}'; the first is at line {}", plain, first->second)};
      }
      to.key = std::move(node);
    } else {
      node.key = std::move(to.key->text);
      node.key_at = to.key->at;
      to.key.reset();
      to.node.children.push_back(std::move(node));
    }
  }

  std::optional<Position> begin_;  // of the document
  Node root_;
  std::vector<Open> open_;
  std::map<YAML::anchor_t, Node> anchors_;
  std::size_t count_ = 0;
};

}  // namespace

std::optional<std::vector<Node>> parse_yaml(std::string_view text, Problems& problems) {
  if (text.size() > kLargestText) {
    problems.add({},
                 fmt::format("{} bytes of YAML, expected at most {}", text.size(), kLargestText));
    return std::nullopt;
  }
  std::ispanstream in(std::span<const char>(text.data(), text.size()));
  Builder builder;
  try {
    YAML::Parser parser(in);
    while (parser.HandleNextDocument(builder)) {
    }
    return std::move(builder.documents);
  } catch (const Refused& refused) {
    problems.add(refused.at, refused.message);
  } catch (const YAML::Exception& error) {
    problems.add(error.mark.is_null() ? Position{} : position_of(error.mark),
                 "no YAML: " + error.msg);
  }
  return std::nullopt;
}

}  // namespace tenon::config
