#pragma once

#include <boost/json/object.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "host/config/config.h"
#include "host/config/document.h"
#include "host/domain/draft.h"

// Resources as people write them: tables of a TOML file, or JSON objects with the same keys.
namespace tenon::config {

// What the reading of a resource is held against.
struct ResourceContext {
  std::string workspace;                                    // of a resource that names none
  const std::vector<plugins::Manifest>* plugins = nullptr;  // null: not known here
  const std::vector<PluginGrant>* grants = nullptr;         // null: not known here
  const Surroundings* surroundings = nullptr;               // null: paths are taken as they are
};

struct Placed {
  Draft draft;
  Position at;
};

// All resources of a file: [[workspace]], [[location]], [[policy]], [[environment]] and
// [[deployment]], in this order. Two of one name are a problem.
std::vector<Placed> read_resources(Table& root, const ResourceContext&);

// One resource: `table` holds its spec.
Draft read_resource(Kind, Table& table, const ResourceContext&);

// The spec with the keys that read_resource() takes, without what is as by default. When `shown`,
// secret values are left out, and so is what draft_of() alone reads.
boost::json::object spec_json(const Draft&, bool shown);

// Of a stored document. It was written by spec_json(), so an error means a damaged store.
Result<Draft> draft_of(const ResourceKey&, std::string_view stored);

// "policies", as in a path or after `tenon get`; nothing for another word. Singular and short forms
// are understood too. Deployments are asked for as "models", as in the API that this one follows.
std::optional<Kind> kind_of(std::string_view word);
std::string_view plural(Kind);

}  // namespace tenon::config
