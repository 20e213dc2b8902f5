#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace tenon::cli {

// A line of Prometheus text: "tenon_requests_total{model="minilm",status="200"} 7".
struct Sample {
  std::string name;
  std::map<std::string, std::string, std::less<>> labels;
  double value = 0;

  std::string_view label(std::string_view key) const;  // "" when it has none
};

// What is no sample is skipped.
std::vector<Sample> read_samples(std::string_view text);

}  // namespace tenon::cli
