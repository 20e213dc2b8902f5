#include "host/cli/spec_diff.h"

#include <fmt/format.h>

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <map>

#include "host/cli/terminal.h"

namespace tenon::cli {
namespace {

namespace json = boost::json;

using Values = std::map<std::string, std::string>;  // by path

void flatten(const json::value& value, const std::string& path, Values& out) {
  if (const json::object* object = value.if_object()) {
    for (const auto& [key, child] : *object) {
      flatten(child, (path.empty() ? "" : path + ".") + terminal_text(key), out);
    }
  } else if (!path.empty()) {
    out.emplace(path, terminal_text(json::serialize(value)));
  }
}

}  // namespace

std::vector<std::string> spec_diff(const json::value& before, const json::value& after) {
  Values old_values, new_values;
  flatten(before, "", old_values);
  flatten(after, "", new_values);
  std::vector<std::string> out;
  for (const auto& [path, value] : old_values) {
    const auto found = new_values.find(path);
    if (found == new_values.end()) {
      out.push_back(fmt::format("- {} = {}", path, value));
    } else if (found->second != value) {
      out.push_back(fmt::format("~ {} = {} -> {}", path, value, found->second));
    }
  }
  for (const auto& [path, value] : new_values) {
    if (!old_values.contains(path)) out.push_back(fmt::format("+ {} = {}", path, value));
  }
  return out;
}

}  // namespace tenon::cli
