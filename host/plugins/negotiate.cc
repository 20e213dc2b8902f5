#include "host/plugins/negotiate.h"

#include <cstddef>

namespace tenon::plugins {
namespace {

// The oldest plugin minor that this host still serves.
constexpr unsigned kOldestMinor = 0;
// A struct this large is no struct of ours: a wild pointer or a foreign library.
constexpr std::uint32_t kLargestStruct = 1 << 16;

std::string text(tenon_str s) {
  return s.data ? std::string(s.data, s.size) : std::string();
}

std::string range(unsigned major, unsigned lowest, unsigned highest) {
  return std::to_string(major) + "." + std::to_string(lowest) + "–" + std::to_string(major) + "." +
         std::to_string(highest);
}

Error refused(const std::string& library, const std::string& why) {
  return {Code::kInvalid, library + ": " + why, false};
}

}  // namespace

Result<Descriptor> adopt_descriptor(const tenon_plugin_descriptor* peer,
                                    const std::string& library) {
  if (!peer) return std::unexpected(refused(library, "tenon_plugin_v1() returned no descriptor"));
  if (peer->magic != TENON_MAGIC) {
    return std::unexpected(refused(library, "the descriptor's magic is wrong: not a Tenon plugin"));
  }
  if (peer->struct_size < sizeof(tenon_plugin_descriptor) || peer->struct_size > kLargestStruct) {
    return std::unexpected(refused(
        library, "the descriptor's size is " + std::to_string(peer->struct_size) +
                     ", expected at least " + std::to_string(sizeof(tenon_plugin_descriptor))));
  }
  const auto d = adopt_prefix(peer);
  const bool overlaps = d.abi_major == TENON_ABI_MAJOR && d.abi_minor_min <= d.abi_minor &&
                        d.abi_minor_min <= TENON_ABI_MINOR && kOldestMinor <= d.abi_minor;
  if (!overlaps) {
    const bool newer = d.abi_major > TENON_ABI_MAJOR || d.abi_minor_min > TENON_ABI_MINOR;
    return std::unexpected(refused(
        library, "it speaks ABI " + range(d.abi_major, d.abi_minor_min, d.abi_minor) +
                     ", this host " + range(TENON_ABI_MAJOR, kOldestMinor, TENON_ABI_MINOR) + ": " +
                     (newer ? "use a newer host, or build the plugin with this host's SDK"
                            : "rebuild the plugin with this host's SDK")));
  }
  if (!d.create) return std::unexpected(refused(library, "the descriptor's create is null"));
  if (d.id.size == 0) return std::unexpected(refused(library, "the descriptor has no id"));
  return Descriptor{.info = {.id = text(d.id),
                             .version = text(d.version),
                             .build_info = text(d.build_info),
                             .abi_major = d.abi_major,
                             .abi_minor = d.abi_minor,
                             .abi_minor_min = d.abi_minor_min},
                    .create = d.create};
}

Result<tenon_plugin_api> adopt_api(const tenon_plugin_api* peer, const std::string& library) {
  if (!peer) return std::unexpected(refused(library, "create() gave no table"));
  if (peer->struct_size < offsetof(tenon_plugin_api, destroy) + sizeof(void*) ||
      peer->struct_size > kLargestStruct) {
    return std::unexpected(
        refused(library, "the table's size is " + std::to_string(peer->struct_size) +
                             ", expected at least " + std::to_string(sizeof(tenon_plugin_api))));
  }
  const auto api = adopt_prefix(peer);
  const struct {
    const char* name;
    bool present;
  } required[] = {
      {"probe", api.probe != nullptr},     {"estimate", api.estimate != nullptr},
      {"prepare", api.prepare != nullptr}, {"load", api.load != nullptr},
      {"submit", api.submit != nullptr},   {"unload", api.unload != nullptr},
      {"release", api.release != nullptr}, {"destroy", api.destroy != nullptr},
  };
  for (const auto& entry : required) {
    if (!entry.present) {
      return std::unexpected(
          refused(library, std::string("the table's required entry ") + entry.name + " is null"));
    }
  }
  return api;
}

}  // namespace tenon::plugins
