#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "host/config/config.h"

namespace tenon::cli {

// This machine, as config reads it.
class Machine final : public config::Surroundings {
 public:
  std::string absolute(const std::string& path) const override;
  bool is_folder(const std::string& path) const override;
  Result<std::vector<plugins::Manifest>> plugins(const std::vector<std::string>& folders) override;

  // What the last call of plugins() found.
  const std::vector<plugins::Manifest>& found() const { return found_; }

 private:
  std::vector<plugins::Manifest> found_;
};

// The whole file; the error names it.
Result<std::string> read_file(const std::string& path);
// The same, but "-" is standard input.
Result<std::string> read_file_or_input(const std::string& path);

// Absolute folder of the running program.
std::string program_folder();

}  // namespace tenon::cli
