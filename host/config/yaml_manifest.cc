#include "host/config/yaml_manifest.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>
#include <vector>

#include "host/config/manifest.h"
#include "host/config/yaml_nodes.h"

namespace tenon::config {
namespace {

using Type = Node::Type;

class Joining {
 public:
  explicit Joining(Problems& errors) : errors_(errors) { root_.type = Type::kTable; }

  void take(Node document) {
    Node* items = nullptr;
    if (document.type == Type::kTable) {
      const auto found = std::ranges::find(document.children, "items", &Node::key);
      if (found != document.children.end() && found->type == Type::kArray) items = &*found;
    }
    if (document.type == Type::kArray) items = &document;
    if (items) {
      for (Node& item : items->children) take(std::move(item));
    } else if (document.type == Type::kNull) {
      return;  // "---" with nothing behind it
    } else if (document.type != Type::kTable) {
      errors_.add(document.at, fmt::format("expected a resource, found {}", type_name(document)));
    } else if (is_published(document)) {
      published.push_back(std::move(document));
    } else if (document.find("kind")) {
      one(std::move(document));
    } else {
      tables(std::move(document));
    }
  }

  // The arrays of all that were taken.
  void merge(Node from) {
    for (Node& array : from.children) {
      const auto known = std::ranges::find(root_.children, array.key, &Node::key);
      if (known == root_.children.end()) {
        root_.children.push_back(std::move(array));
      } else {
        std::ranges::move(array.children, std::back_inserter(known->children));
      }
    }
  }

  Node root() {
    root_.index();
    return std::move(root_);
  }

  std::vector<Node> published;

 private:
  // {"kind", "metadata", "spec", "status"}, as a host shows a resource.
  void one(Node document) {
    const Node& word = *document.find("kind");
    const auto kind = word.type == Type::kString ? kind_of(word.text) : std::nullopt;
    const auto spec = std::ranges::find(document.children, "spec", &Node::key);
    if (!kind) {
      errors_.add(word.at, "'kind' must be workspace, location, policy, environment or deployment");
    } else if (spec == document.children.end() || spec->type != Type::kTable) {
      errors_.add(document.at, "'spec' is missing: a table with what the resource shall be");
    } else {
      refuse_others(document);
      Node array, from;
      array.type = Type::kArray;
      array.key = to_string(*kind);
      array.at = array.key_at = word.at;
      array.children.push_back(std::move(*spec));
      from.children.push_back(std::move(array));
      merge(std::move(from));
    }
  }

  void refuse_others(const Node& document) {
    for (const Node& child : document.children) {
      // What a host tells of it is no wish.
      if (child.key == "kind" || child.key == "spec" || child.key == "metadata" ||
          child.key == "status" || child.key == "events") {
        continue;
      }
      errors_.add(child.key_at,
                  fmt::format("unknown key '{}' beside 'kind' and 'spec'", child.key));
    }
  }

  // Arrays of tables, as in TOML.
  void tables(Node document) {
    for (const Node& child : document.children) {
      if (child.type == Type::kArray) continue;
      errors_.add(
          child.key_at,
          fmt::format(
              "'{}': expected {{kind, spec}}, or arrays such as 'deployment: [{{model: …}}]'",
              child.key));
    }
    merge(std::move(document));
  }

  Problems& errors_;
  Node root_;
};

}  // namespace

std::optional<YamlManifest> read_yaml_manifest(std::string_view text,
                                               const PublishedOptions& options, Problems& errors,
                                               Problems& warnings) {
  auto documents = parse_yaml(text, errors);
  if (!documents) return std::nullopt;
  Joining joining(errors);
  for (Node& document : *documents) joining.take(std::move(document));
  YamlManifest out;
  out.published = static_cast<unsigned>(joining.published.size());
  joining.merge(from_published(joining.published, options, errors, warnings));
  if (!errors.empty()) return std::nullopt;
  out.root = joining.root();
  return out;
}

}  // namespace tenon::config
