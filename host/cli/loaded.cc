#include "host/cli/loaded.h"

#include <utility>

#include "host/cli/machine.h"
#include "host/config/config.h"
#include "host/plugins/pin.h"

namespace tenon::cli {
namespace {

class Loading {
 public:
  Loading(Loaded& loaded, const Machine& machine) : loaded_(loaded), machine_(machine) {}

  // Files and folders of [host] manifests.
  Result<void> manifests() {
    for (const std::string& path : loaded_.config.host.manifests) {
      const auto files = folders_.list(path);
      if (!files) {
        note(files.error());
        continue;
      }
      for (const auto& [file, stamp] : *files) add(file, stamp);
    }
    if (!problems_.empty()) return fail(Code::kInvalid, std::move(problems_));
    return {};
  }

 private:
  void note(const Error& error) { problems_ += (problems_.empty() ? "" : "\n") + error.message; }

  void add(const std::string& file, const FileStamp& stamp) {
    if (!loaded_.stamps.emplace(file, stamp).second) return;
    const auto text = folders_.read(file);
    if (!text) return note(text.error());
    auto resources = resources_in(
        *text, file,
        {loaded_.config.host.workspace, &loaded_.plugins, &loaded_.config.plugins, &machine_});
    if (!resources) return note(resources.error());
    loaded_.files.push_back({file, *std::move(resources)});
  }

  Loaded& loaded_;
  const Machine& machine_;
  ManifestFolders folders_;
  std::string problems_;
};

}  // namespace

Result<std::vector<Draft>> resources_in(std::string_view text, const std::string& path,
                                        const config::ResourceContext& context) {
  config::Problems problems(path);
  std::vector<Draft> out;
  if (auto document = config::Document::parse(text, problems)) {
    config::Table root = document->root();
    for (auto& placed : config::read_resources(root, context)) {
      out.push_back(std::move(placed.draft));
    }
  }
  if (!problems.empty()) return std::unexpected(problems.error());
  return out;
}

Result<Loaded> load(const std::string& path) {
  Machine machine;
  const std::string file = machine.absolute(path);
  ManifestSource::Files stamps;
  if (auto found = ManifestFolders().list(file)) stamps = *std::move(found);
  const auto text = read_file(path);
  if (!text) return std::unexpected(text.error());
  auto config = config::read_config(*text, path, machine);
  if (!config) return std::unexpected(config.error().error());
  const auto pinned = plugins::check_pins(machine.found(), config->plugins);
  if (!pinned) return std::unexpected(pinned.error());
  Loaded loaded{*std::move(config), machine.found(), {}, std::move(stamps)};
  loaded.files.push_back({file, std::move(loaded.config.resources)});
  if (auto read = Loading(loaded, machine).manifests(); !read) {
    return std::unexpected(read.error());
  }
  return loaded;
}

}  // namespace tenon::cli
