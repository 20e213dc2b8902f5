#include "host/workers/worker/plugin.h"

#include "host/plugins/library.h"
#include "host/workers/codes.h"

namespace tenon::worker {

Result<Plugin> Plugin::open(const std::string& path, const std::string& identity,
                            const tenon_host_api* host) {
  const auto library = plugins::Library::open(path, identity);
  if (!library) return std::unexpected(library.error());
  const tenon_plugin_api* table = nullptr;
  Plugin plugin;
  tenon_error error = workers::empty_error();
  const tenon_code code = library->descriptor().create(host, &table, &plugin.runtime, &error);
  if (code != TENON_OK) return std::unexpected(workers::to_error(code, error));
  auto api = plugins::adopt_api(table, path);
  if (!api) return std::unexpected(api.error());
  plugin.api = *api;
  plugin.id = library->descriptor().info.id;
  return plugin;
}

}  // namespace tenon::worker
