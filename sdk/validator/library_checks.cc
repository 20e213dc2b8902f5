#include <algorithm>
#include <array>
#include <filesystem>
#include <stdexcept>

#include "sdk/validator/check.h"
#include "sdk/validator/library_facts.h"

namespace tenon::validator {
namespace {

using Faults = std::vector<std::string>;

// What every machine with this C++ runtime has.
constexpr std::array<std::string_view, 9> kSystem = {
    "libc.so.",  "libm.so.",  "libstdc++.so.", "libgcc_s.so.", "libpthread.so.",
    "libdl.so.", "librt.so.", "ld-linux",      "libc++"};

template <Faults (*kFind)(const LibraryFacts&, const Subject&)>
Verdict of_facts(const Subject& subject) {
  const auto facts = read_library(subject.library);
  if (!facts) throw std::runtime_error(facts.error());
  return {.faults = kFind(*facts, subject)};
}

Faults exports(const LibraryFacts& facts, const Subject&) {
  Faults out;
  std::string others;
  unsigned n = 0;
  for (const auto& name : facts.exported) {
    if (name != "tenon_plugin_v1" && ++n <= 5) others += ' ' + name;
  }
  if (facts.exported.size() == n) out.push_back("exports no tenon_plugin_v1");
  if (n > 0) {
    out.push_back("exports " + std::to_string(n) + " symbols more:" + others + (n > 5 ? " …" : "") +
                  "; link with --version-script=plugin.map");
  }
  return out;
}

Faults unique(const LibraryFacts& facts, const Subject&) {
  if (facts.unique.empty()) return {};
  return {"has GNU_UNIQUE symbols, such as " + facts.unique.front() +
          "; compile with -fno-gnu-unique or link with --version-script=plugin.map"};
}

Faults needs(const LibraryFacts& facts, const Subject& subject) {
  Faults out;
  const auto folder = std::filesystem::path(subject.library).parent_path();
  for (const auto& name : facts.needed) {
    const bool system = std::ranges::any_of(kSystem, [&](auto s) { return name.starts_with(s); });
    if (!system && !std::filesystem::exists(folder / name)) {
      out.push_back("needs " + name + ", which lies neither beside it nor on every machine");
    }
  }
  return out;
}

Faults run_path(const LibraryFacts& facts, const Subject&) {
  Faults out;
  for (const auto& path : facts.run_paths) {
    if (path != "$ORIGIN" && !path.starts_with("$ORIGIN/")) {
      out.push_back("looks for libraries in " + (path.empty() ? "the working directory" : path) +
                    "; expected $ORIGIN, which is its own folder");
    }
  }
  return out;
}

Faults static_tls(const LibraryFacts& facts, const Subject&) {
  if (!facts.static_tls) return {};
  return {
      "takes of the little static TLS that all libraries share, and may not open for want of "
      "it; compile without -ftls-model=initial-exec"};
}

Faults memory_modes(const LibraryFacts& facts, const Subject&) {
  Faults out;
  if (facts.executable_stack) {
    out.push_back("makes the stack executable; link with -Wl,-z,noexecstack");
  }
  if (facts.text_relocations) {
    out.push_back("writes into its own code when it is opened; compile with -fPIC");
  }
  return out;
}

constexpr std::array<Check, 6> kChecks = {{
    {"exports", "exports tenon_plugin_v1 and nothing else", of_facts<exports>},
    {"unique", "has no symbol that is one for the whole process", of_facts<unique>},
    {"needs", "needs what lies beside it or on every machine", of_facts<needs>},
    {"run-path", "finds its libraries beside itself", of_facts<run_path>},
    {"static-tls", "opens at any time", of_facts<static_tls>},
    {"memory-modes", "has no memory both writable and executable", of_facts<memory_modes>},
}};

}  // namespace

std::span<const Check> library_checks() {
  return kChecks;
}

}  // namespace tenon::validator
