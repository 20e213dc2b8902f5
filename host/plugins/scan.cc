#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>

#include "host/plugins/manifest_reader.h"

namespace tenon::plugins {
namespace {

namespace fs = std::filesystem;

// A manifest is a page; whatever is larger is none.
constexpr std::uintmax_t kLargestManifest = 1 << 20;

Result<Manifest> read_file(const fs::path& path) {
  std::error_code error;
  const auto size = fs::file_size(path, error);
  if (!error && size > kLargestManifest) {
    return fail(Code::kInvalid, path.string() + ": " + std::to_string(size) +
                                    " bytes, expected a manifest of at most a megabyte");
  }
  std::ifstream file(path, std::ios::binary);
  if (!file) return fail(Code::kInvalid, path.string() + ": cannot be read");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  auto manifest = read_manifest(text, path.string());
  if (manifest && !fs::is_regular_file(manifest->library, error)) {
    return fail(Code::kInvalid, path.string() + ": its library is not there: " + manifest->library);
  }
  return manifest;
}

// The manifests of one folder: its own, or those one step below it.
std::vector<fs::path> manifests_in(const std::string& folder, std::string& problems) {
  std::vector<fs::path> found;
  std::error_code error;
  if (fs::exists(fs::path(folder) / kManifestName, error)) {
    found.push_back(fs::path(folder) / kManifestName);
    return found;
  }
  fs::directory_iterator entries(folder, error);
  if (error) problems += folder + ": " + error.message() + "\n";
  for (; !error && entries != fs::directory_iterator(); entries.increment(error)) {
    const fs::path manifest = entries->path() / kManifestName;
    std::error_code absent;
    if (fs::exists(manifest, absent)) found.push_back(manifest);
  }
  std::ranges::sort(found);
  return found;
}

}  // namespace

Result<std::vector<Manifest>> scan(std::span<const std::string> folders) {
  std::vector<Manifest> plugins;
  std::string problems;
  std::set<fs::path> seen;  // a folder named twice holds no duplicates
  for (const std::string& folder : folders) {
    for (const fs::path& path : manifests_in(folder, problems)) {
      if (!seen.insert(fs::weakly_canonical(path)).second) continue;
      auto manifest = read_file(path);
      if (!manifest) {
        problems += manifest.error().message + "\n";
        continue;
      }
      const auto same = std::ranges::find(plugins, manifest->id, &Manifest::id);
      if (same != plugins.end()) {
        problems += path.string() + ": plugin '" + manifest->id + "' exists already as " +
                    same->library + "\n";
        continue;
      }
      plugins.push_back(*std::move(manifest));
    }
  }
  if (!problems.empty()) {
    problems.pop_back();
    return fail(Code::kInvalid, std::move(problems));
  }
  std::ranges::sort(plugins, {}, &Manifest::id);
  return plugins;
}

}  // namespace tenon::plugins
