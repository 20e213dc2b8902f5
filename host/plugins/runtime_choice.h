#pragma once

#include <span>
#include <string>
#include <vector>

#include "host/domain/error.h"

// Which plugin serves a model's folder, by what each says of it. Pure.
namespace tenon::plugins {

// What a plugin says of a folder: 0, it cannot serve it … 100, it is made for it.
struct Probe {
  unsigned score = 0;
  std::string reason;
  bool operator==(const Probe&) const = default;
};

struct ProbeAnswer {
  std::string plugin;
  Result<Probe> probe;
};

// Best first: the higher score, then the plugin's name. A score beyond 100 becomes an error.
// Errors and zeros come last.
std::vector<ProbeAnswer> ranked(std::vector<ProbeAnswer>);

// The best answer, or why there is none, with what each plugin said.
Result<ProbeAnswer> choose(std::vector<ProbeAnswer>, const std::string& folder);

}  // namespace tenon::plugins
