// Any bytes as a configuration: an answer, never a crash, and every refusal has a message.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "tests/host/config/fake_surroundings.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static tenon::config::FakeSurroundings machine;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto config = tenon::config::read_config(text, "fuzz.toml", machine);
  if (!config && config.error().text().empty()) std::abort();
  return 0;
}
