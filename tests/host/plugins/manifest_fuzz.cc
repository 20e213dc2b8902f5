#include <cstdint>
#include <cstdlib>

#include "host/plugins/manifest_reader.h"

// Any bytes are a manifest or a list of mistakes.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto manifest = tenon::plugins::read_manifest(text, "/p/tenon-plugin.toml");
  if (!manifest && manifest.error().message.empty()) std::abort();
  if (manifest && (manifest->id.empty() || !manifest->library.starts_with("/p/"))) std::abort();
  return 0;
}
