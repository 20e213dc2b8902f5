#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "host/domain/error.h"
#include "tenon/plugin.h"

// Agreeing with a plugin on a version, and adopting its tables. No I/O: usable in host and worker
// alike.
namespace tenon::plugins {

// What a descriptor says, copied out of the library.
struct PluginInfo {
  std::string id;
  std::string version;
  std::string build_info;
  unsigned abi_major = 0;
  unsigned abi_minor = 0;
  unsigned abi_minor_min = 0;
};

struct Descriptor {
  PluginInfo info;
  decltype(tenon_plugin_descriptor::create) create = nullptr;
};

// Checks magic, sizes and versions. The message names the library, both version ranges and the way
// out.
Result<Descriptor> adopt_descriptor(const tenon_plugin_descriptor*, const std::string& library);

// The plugin's table in a zeroed table of this build's size, every required entry present.
Result<tenon_plugin_api> adopt_api(const tenon_plugin_api*, const std::string& library);

// A struct of this build's size from a peer's that may be shorter or longer: the common prefix,
// then zeros. T begins with its size.
template <class T>
T adopt_prefix(const T* peer);

}  // namespace tenon::plugins

template <class T>
T tenon::plugins::adopt_prefix(const T* peer) {
  T mine{};
  std::uint32_t theirs;  // read alone: the peer's object may end before a T does
  __builtin_memcpy(&theirs, static_cast<const void*>(peer), sizeof theirs);
  const std::size_t size = theirs < sizeof(T) ? theirs : sizeof(T);
  __builtin_memcpy(static_cast<void*>(&mine), static_cast<const void*>(peer), size);
  mine.struct_size = sizeof(T);
  return mine;
}
