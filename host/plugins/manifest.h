#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "host/domain/error.h"

namespace tenon::plugins {

enum class OptionType : std::uint8_t { kString, kInteger, kNumber, kBoolean, kEnum };

// One [[option]] that a deployment may set.
struct OptionSpec {
  std::string name;
  OptionType type = OptionType::kString;
  std::optional<std::string> default_value;
  std::optional<double> minimum, maximum;  // numbers only
  std::vector<std::string> values;         // enum only
  std::string help;
};

// tenon-plugin.toml beside a library: all that is known of a plugin before it is opened.
struct Manifest {
  std::string id;
  std::string version;
  std::string library;  // absolute path of the .so
  unsigned abi_major = 0;
  unsigned abi_minor_min = 0, abi_minor = 0;
  std::string description;
  std::vector<std::string> serves;   // formats and model families, for people
  std::vector<std::string> flavors;  // "cpu", "gpu"
  std::vector<std::string> passive;  // paths whose GET and HEAD never start a replica
  std::vector<std::string> health;   // those of them that answer 200 while standing at zero
  bool requires_worker = false;
  bool wants_sockets = false;
  bool wants_exec = false;
  std::vector<OptionSpec> options;

  bool is_passive(std::string_view path) const;
  bool runs_on(std::string_view flavor) const;  // "cpu/x86"; none means any CPU
};

}  // namespace tenon::plugins
