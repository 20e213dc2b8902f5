#pragma once

#include <string>

#include "host/domain/error.h"
#include "tenon/plugin.h"

namespace tenon::worker {

// The one plugin of this process, opened and created; never closed again.
struct Plugin {
  tenon_plugin_api api{};  // of our own size, zeros where the plugin is older
  tenon_runtime* runtime = nullptr;
  std::string id;

  static Result<Plugin> open(const std::string& library, const std::string& identity,
                             const tenon_host_api*);
};

}  // namespace tenon::worker
