#include "host/gateway/route.h"

#include "host/domain/deployment.h"

namespace tenon::gateway {
namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// False when a '%' is not followed by two hex digits.
bool percent_decode(std::string_view text, std::string& out) {
  out.clear();
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out.push_back(text[i]);
      continue;
    }
    const int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
    if (high < 0 || low < 0) return false;
    out.push_back(static_cast<char>(high * 16 + low));
    i += 2;
  }
  return true;
}

// Cuts the next segment, up to '/', from the path.
std::string_view next_segment(std::string_view& path) {
  const std::string_view segment = path.substr(0, path.find('/'));
  path.remove_prefix(segment.size());
  return segment;
}

// "http://host/path" → "/path": a server must accept the form that proxies get.
std::string_view without_authority(std::string_view target) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!target.starts_with(scheme)) continue;
    const std::size_t slash = target.find_first_of("/?", scheme.size());
    return slash == std::string_view::npos ? "/" : target.substr(slash);
  }
  return target;
}

}  // namespace

bool Route::decode(std::string_view& name, std::string& scratch) {
  if (name.find('%') == std::string_view::npos) return true;
  if (!percent_decode(name, scratch)) return false;
  name = scratch;
  return true;
}

void Route::read(std::string_view target) {
  workspace = model = path = query = problem = {};
  environment = "production";
  if (target == "*") {
    kind = Kind::kStar;
    return;
  }
  target = without_authority(target);
  if (!target.starts_with('/')) {
    kind = Kind::kBad;
    problem = "the request target is neither a path nor an http URL";
    return;
  }
  const std::size_t mark = std::min(target.find('?'), target.size());
  const std::string_view query_text = target.substr(std::min(mark + 1, target.size()));
  path = target.substr(0, mark);

  std::string_view rest = path.substr(1);
  workspace = next_segment(rest);
  if (is_reserved_workspace(workspace)) {
    kind = Kind::kHost;
    query = query_text;
    return;
  }
  kind = Kind::kUnknown;
  constexpr std::string_view kModels = "/models/";
  if (workspace.empty() || !rest.starts_with(kModels)) return;
  rest.remove_prefix(kModels.size());
  model = next_segment(rest);
  if (model.empty()) return;
  kind = Kind::kModel;
  path = rest.empty() ? "/" : rest;
  if (!decode(workspace, workspace_) || !decode(model, model_)) {
    kind = Kind::kBad;
    problem = "a '%' in a name of the path is not followed by two hex digits";
    return;
  }
  read_query(query_text);
}

void Route::read_query(std::string_view all) {
  query = all;
  // Almost no query names an environment in another way than plainly.
  if (all.find("environment=") == all.npos && all.find('%') == all.npos) return;
  query_.clear();
  unsigned found = 0;
  std::string key;
  while (!all.empty()) {
    const std::string_view pair = all.substr(0, all.find('&'));
    all.remove_prefix(std::min(pair.size() + 1, all.size()));
    const std::size_t equals = std::min(pair.find('='), pair.size());
    if (percent_decode(pair.substr(0, equals), key) && key == "environment") {
      ++found;
      environment = pair.substr(std::min(equals + 1, pair.size()));
      continue;
    }
    if (!query_.empty()) query_.push_back('&');
    query_.append(pair);
  }
  if (found == 0) return;
  query = query_;
  if (found > 1) {
    kind = Kind::kBad;
    problem = "the query names more than one environment";
  } else if (!decode(environment, environment_)) {
    kind = Kind::kBad;
    problem = "a '%' in the environment's name is not followed by two hex digits";
  }
}

}  // namespace tenon::gateway
