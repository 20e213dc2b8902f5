#include "host/cli/manifest_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <map>

#include "host/cli/machine.h"
#include "host/config/json_nodes.h"
#include "host/config/manifest.h"
#include "host/config/toml_nodes.h"
#include "host/config/yaml_manifest.h"

namespace tenon::cli {
namespace {

namespace fs = std::filesystem;
using config::Node;
using config::Problems;

constexpr std::string_view kNameLetters =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_";

// Puts the values of variables into the strings of a document: after it was read, so that no value
// can be taken for TOML.
class Filling {
 public:
  Filling(const Variables& variables, Problems& problems)
      : variables_(variables), problems_(problems) {}

  void fill(Node& node) {
    if (node.type == Node::Type::kString) node.text = filled(node);
    for (Node& child : node.children) fill(child);
  }

 private:
  std::string filled(const Node& node) {
    const std::string_view text = node.text;
    std::string out;
    std::size_t done = 0;
    for (auto at = text.find("${"); at != text.npos; at = text.find("${", done)) {
      const std::size_t end = text.find_first_not_of(kNameLetters, at + 2);
      const bool escaped = at > done && text[at - 1] == '$';
      const bool is_name = end != text.npos && text[end] == '}' && end > at + 2;
      out += text.substr(done, at - done);
      if (escaped || !is_name) {
        out += escaped ? "{" : "${";
        done = at + 2;
        continue;
      }
      const std::string_view name = text.substr(at + 2, end - at - 2);
      const auto value = variables_(name);
      if (!value) {
        problems_.add(node.at, fmt::format("the variable {} is not set: export it, or write "
                                           "$${{{}}} for the text itself",
                                           name, name));
      }
      out += value.value_or("");
      done = end + 1;
    }
    return out += text.substr(done);
  }

  const Variables& variables_;
  Problems& problems_;
};

// The tables of the file that are resources, with their keys.
std::vector<ManifestResource> resources_of(Node& root, const std::vector<config::Placed>& placed,
                                           const std::string& file) {
  std::map<config::Position, ResourceKey> keys;
  for (const auto& each : placed) keys.emplace(each.at, each.draft.key);
  std::vector<ManifestResource> out;
  for (Node& kind : root.children) {
    for (Node& table : kind.children) {
      if (const auto key = keys.find(table.at); key != keys.end()) {
        out.push_back({key->second, std::move(table), file});
      }
    }
  }
  return out;
}

void refuse_host_sections(const Node& root, Problems& problems) {
  for (const std::string_view key : {"host", "plugin", "flavor"}) {
    if (const Node* found = root.find(key)) {
      problems.add(found->key_at,
                   fmt::format("'{}' is of the file of `tenon serve`: a manifest holds resources "
                               "only ([[deployment]], [[environment]], [[policy]], [[location]], "
                               "[[workspace]])",
                               key));
    }
  }
}

// Follows "scale.minReplicas" or "flavors[1]" as far as it goes.
const Node* walk(const Node* node, std::string_view path) {
  while (!path.empty()) {
    const Node* next = nullptr;
    if (path.starts_with('[')) {
      const std::size_t end = std::min(path.find(']'), path.size());
      std::size_t index = 0;
      std::from_chars(path.data() + 1, path.data() + end, index);
      if (index < node->children.size()) next = &node->children[index];
      path.remove_prefix(std::min(end + 1, path.size()));
    } else {
      const std::size_t end = std::min(path.find_first_of(".["), path.size());
      if (node->type == Node::Type::kTable) next = node->find(path.substr(0, end));
      path.remove_prefix(end);
    }
    if (path.starts_with('.')) path.remove_prefix(1);
    if (!next) return node;
    node = next;
  }
  return node;
}

bool is_yaml_name(const fs::path& path) {
  const std::string extension = path.extension();
  return extension == ".yaml" || extension == ".yml" || extension == ".json";
}

// Of a text without a name: whether its first line with anything in it is no TOML.
bool looks_like_yaml(std::string_view text) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    line.remove_prefix(std::min(line.find_first_not_of(" \t\r"), line.size()));
    if (line.empty() || line.starts_with('#')) continue;
    const std::size_t colon = line.find(':');
    return line.starts_with("---") || line.starts_with('{') || line.starts_with("- ") ||
           line.starts_with("[{") || line == "[" || colon < line.find('=');
  }
  return false;
}

template <class Folder>
Result<void> add_folder(const std::string& path, std::vector<std::string>& out) {
  std::error_code error;
  std::vector<std::string> found;
  for (auto each = Folder(path, error); !error && each != Folder(); each.increment(error)) {
    const fs::path& file = each->path();
    const bool is_manifest =
        file.extension() == ".toml" || file.extension() == ".yaml" || file.extension() == ".yml";
    if (is_manifest && each->is_regular_file()) found.push_back(file);
  }
  if (error) return fail(Code::kNotFound, fmt::format("{}: {}", path, error.message()));
  if (found.empty()) {
    return fail(Code::kInvalid,
                fmt::format("{}: no file in it ends in .toml, .yaml or .yml", path));
  }
  std::ranges::sort(found);
  std::ranges::move(found, std::back_inserter(out));
  return {};
}

}  // namespace

boost::json::object ManifestResource::spec() const {
  return config::json_of(table).as_object();
}

std::string ManifestFile::placed(std::string_view line) const {
  constexpr std::string_view kHead = "resources[";
  std::size_t index = 0;
  const char* end = line.data() + line.size();
  if (!line.starts_with(kHead)) return fmt::format("{}: {}", path, line);
  const auto number = std::from_chars(line.data() + kHead.size(), end, index);
  if (number.ec != std::errc() || index >= resources.size()) {
    return fmt::format("{}: {}", path, line);
  }
  std::string_view rest(number.ptr, static_cast<std::size_t>(end - number.ptr));
  rest.remove_prefix(std::min<std::size_t>(1, rest.size()));  // the bracket
  const Node* node = &resources[index].table;
  if (constexpr std::string_view kSpec = ".spec."; rest.starts_with(kSpec)) {
    rest.remove_prefix(kSpec.size());
    node = walk(node, rest.substr(0, rest.find(": ")));
  } else if (rest.starts_with(": ")) {
    rest.remove_prefix(2);
  }
  return fmt::format("{}:{}:{}: {}", resources[index].file, node->at.line, node->at.column, rest);
}

ManifestFile joined(const std::vector<ManifestFile>& files) {
  if (files.size() == 1) return files.front();
  ManifestFile out{"(all files)", {}};
  for (const ManifestFile& file : files) {
    out.resources.insert(out.resources.end(), file.resources.begin(), file.resources.end());
    out.notes += file.notes;
  }
  return out;
}

std::optional<std::string> environment_variable(std::string_view name) {
  const char* value = std::getenv(std::string(name).c_str());
  return value ? std::optional<std::string>(value) : std::nullopt;
}

Result<std::vector<std::string>> manifest_paths(const std::vector<std::string>& given,
                                                bool recursive) {
  std::vector<std::string> out;
  for (const std::string& path : given) {
    std::error_code error;
    if (path == "-" || !fs::is_directory(path, error)) {
      out.push_back(path);
      continue;
    }
    const auto added = recursive ? add_folder<fs::recursive_directory_iterator>(path, out)
                                 : add_folder<fs::directory_iterator>(path, out);
    if (!added) return std::unexpected(added.error());
  }
  return out;
}

void add_conversion_options(options_description& options) {
  options.add_options()("runtime", value<std::string>()->default_value(""))(
      "models", value<std::string>()->default_value(""))("lossy", "");
}

config::PublishedOptions conversion_options(const variables_map& options) {
  return {.runtime = options["runtime"].as<std::string>(),
          .lossy = options.count("lossy") != 0,
          .models = options["models"].as<std::string>()};
}

Result<ManifestTree> read_tree(std::string_view text, const std::string& path,
                               const config::PublishedOptions& how) {
  Problems problems(path);
  ManifestTree out;
  if (is_yaml_name(path) || (path == kStandardInput && looks_like_yaml(text))) {
    Problems warnings(path);
    auto manifest = config::read_yaml_manifest(text, how, problems, warnings);
    if (!manifest) return std::unexpected(problems.error());
    if (manifest->published != 0) {
      out.notes = fmt::format("{}: {} documents of the published form were converted\n", path,
                              manifest->published);
    }
    if (!warnings.empty()) out.notes += warnings.text() + "\n";
    out.root = std::move(manifest->root);
  } else if (auto root = config::parse_toml(text, problems)) {
    out.root = *std::move(root);
  } else {
    return std::unexpected(problems.error());
  }
  refuse_host_sections(out.root, problems);
  if (!problems.empty()) return std::unexpected(problems.error());
  return out;
}

Result<ManifestFile> read_manifest(std::string_view text, const std::string& path,
                                   const Variables& variables,
                                   const config::PublishedOptions& how) {
  auto tree = read_tree(text, path, how);
  if (!tree) return std::unexpected(tree.error());
  Problems problems(path);
  Filling(variables, problems).fill(tree->root);
  if (!problems.empty()) return std::unexpected(problems.error());
  std::vector<config::Placed> placed;
  {
    config::Document document(tree->root, problems);
    config::Table table = document.root();
    placed = config::read_resources(table, {});
  }
  if (!problems.empty()) return std::unexpected(problems.error());
  return ManifestFile{path, resources_of(tree->root, placed, path), std::move(tree->notes)};
}

Result<std::vector<ManifestFile>> read_manifests(const std::vector<std::string>& given,
                                                 bool recursive,
                                                 const config::PublishedOptions& how) {
  const auto paths = manifest_paths(given, recursive);
  if (!paths) return std::unexpected(paths.error());
  std::vector<ManifestFile> out;
  std::string problems;
  const auto note = [&](const Error& error) {
    problems += (problems.empty() ? "" : "\n") + error.message;
  };
  for (const std::string& path : *paths) {
    const auto text = read_file_or_input(path);
    if (!text) {
      note(text.error());
      continue;
    }
    auto file = read_manifest(*text, path == "-" ? std::string(kStandardInput) : path,
                              environment_variable, how);
    if (file) {
      out.push_back(*std::move(file));
    } else {
      note(file.error());
    }
  }
  if (!problems.empty()) return fail(Code::kInvalid, std::move(problems));
  return out;
}

}  // namespace tenon::cli
