// Whatever a manifest in YAML holds, it is read or refused; what is read can be written and read
// again as TOML.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "host/config/json_nodes.h"
#include "host/config/toml_nodes.h"
#include "host/config/toml_writer.h"
#include "host/config/yaml_manifest.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tenon::config;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const bool lossy : {false, true}) {
    Problems errors, warnings;
    const auto manifest =
        read_yaml_manifest(text, {lossy ? "tei" : "", lossy, ""}, errors, warnings);
    if (manifest.has_value() != errors.empty()) std::abort();
    if (!manifest) continue;
    (void)warnings.text();
    Problems again;
    if (!parse_toml(to_toml(json_of(manifest->root).as_object()), again)) std::abort();
  }
  return 0;
}
