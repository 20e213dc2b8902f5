#include "host/config/manifest.h"

#include <fmt/format.h>

#include <array>
#include <map>

#include "host/config/json_nodes.h"

namespace tenon::config {
namespace {

struct KindNames {
  Kind kind;
  std::string_view plural;
  std::array<std::string_view, 3> others;  // understood as well
};

constexpr std::array<KindNames, 5> kKinds = {{
    {Kind::kWorkspace, "workspaces", {"workspace", "ws", ""}},
    {Kind::kLocation, "locations", {"location", "loc", ""}},
    {Kind::kPolicy, "policies", {"policy", "pol", ""}},
    {Kind::kEnvironment, "environments", {"environment", "env", "envs"}},
    {Kind::kDeployment, "models", {"model", "deployment", "deployments"}},
}};

// A number of a stored spec that nobody writes; 0 when it is not there.
template <class Number>
Number take_number(boost::json::value* of, std::string_view key) {
  boost::json::object* fields = of ? of->if_object() : nullptr;
  const boost::json::value* found = fields ? fields->if_contains(key) : nullptr;
  if (!found) return 0;
  boost::system::error_code error;
  const auto number = found->to_number<Number>(error);
  fields->erase(key);
  return error ? 0 : number;
}

}  // namespace

std::vector<Placed> read_resources(Table& root, const ResourceContext& context) {
  std::vector<Placed> out;
  std::map<ResourceKey, Position> seen;
  for (const KindNames& kind : kKinds) {
    for (Table& table : root.tables(to_string(kind.kind))) {
      Draft draft = read_resource(kind.kind, table, context);
      if (draft.key.name.empty()) continue;  // it has a problem already
      const auto [first, fresh] = seen.try_emplace(draft.key, table.position());
      if (fresh) {
        out.push_back({std::move(draft), table.position()});
      } else {
        table.problem(table.position(), fmt::format("a second {}; the first is at line {}",
                                                    to_string(draft.key), first->second.line));
      }
    }
  }
  return out;
}

Result<Draft> draft_of(const ResourceKey& key, std::string_view stored) {
  Problems problems(to_string(key));
  auto object = parse_json_object(stored);
  if (!object) return std::unexpected(object.error());
  boost::json::value tree(*std::move(object));
  auto& fields = tree.get_object();
  const auto stable = take_number<unsigned>(fields.if_contains("canary"), "stable");
  const auto origin_digest = take_number<std::uint64_t>(&tree, "originDigest");
  Draft draft;
  {
    Document document(nodes_of(fields), problems);
    Table root = document.root();
    draft = read_resource(key.kind, root, {.workspace = key.workspace});
  }
  if (!problems.empty()) {
    problems.name_lines(paths_of(fields));
    return fail(Code::kInternal,
                fmt::format("the stored {} cannot be read: {}", to_string(key), problems.text()));
  }
  if (auto* spec = std::get_if<DeploymentSpec>(&draft.spec)) {
    spec->origin_digest = origin_digest;
    if (spec->canary) spec->canary->stable = stable;
  }
  return draft;
}

std::optional<Kind> kind_of(std::string_view word) {
  if (word.empty()) return std::nullopt;
  for (const KindNames& kind : kKinds) {
    if (word == kind.plural) return kind.kind;
    for (const std::string_view other : kind.others) {
      if (word == other) return kind.kind;
    }
  }
  return std::nullopt;
}

std::string_view plural(Kind kind) {
  for (const KindNames& names : kKinds) {
    if (names.kind == kind) return names.plural;
  }
  return "";
}

}  // namespace tenon::config
