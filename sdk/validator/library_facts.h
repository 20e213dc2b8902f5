#pragma once

#include <expected>
#include <string>
#include <vector>

namespace tenon::validator {

// What a shared library says of itself without being opened.
struct LibraryFacts {
  std::vector<std::string> exported;   // symbols that others may bind to
  std::vector<std::string> unique;     // … of kind GNU_UNIQUE: one in a process, whoever brings it
  std::vector<std::string> needed;     // libraries
  std::vector<std::string> run_paths;  // where these are looked for
  std::string newest_glibc;            // "2.34": the oldest system that it opens on
  std::string newest_glibcxx;          // "3.4.30"
  bool static_tls = false;
  bool text_relocations = false;
  bool executable_stack = false;
};

std::expected<LibraryFacts, std::string> read_library(const std::string& path);

}  // namespace tenon::validator
