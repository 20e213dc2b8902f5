#include "host/workers/worker/plugin.h"

#include <dlfcn.h>

#include <algorithm>
#include <cstring>

#include "host/workers/codes.h"

namespace tenon::worker {

Result<Plugin> Plugin::open(const std::string& library, const tenon_host_api* host) {
  void* handle = ::dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) return fail(Code::kInvalid, ::dlerror());
  using Entry = const tenon_plugin_descriptor* (*)();
  const auto entry = reinterpret_cast<Entry>(::dlsym(handle, "tenon_plugin_v1"));
  if (entry == nullptr) return fail(Code::kInvalid, library + " does not export tenon_plugin_v1");
  const tenon_plugin_descriptor* descriptor = entry();
  if (descriptor == nullptr || descriptor->magic != TENON_MAGIC) {
    return fail(Code::kInvalid, library + " is not a plugin of this ABI");
  }
  const tenon_plugin_api* table = nullptr;
  Plugin plugin;
  tenon_error error = workers::empty_error();
  const tenon_code code = descriptor->create(host, &table, &plugin.runtime, &error);
  if (code != TENON_OK) return std::unexpected(workers::to_error(code, error));
  std::memcpy(&plugin.api, table, std::min<std::size_t>(table->struct_size, sizeof plugin.api));
  plugin.id = workers::view(descriptor->id);
  return plugin;
}

}  // namespace tenon::worker
