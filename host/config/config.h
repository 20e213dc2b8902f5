#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "host/config/document.h"
#include "host/domain/host_spec.h"
#include "host/plugins/manifest.h"

// The file of `tenon serve`. configs/reference.toml shows every key with its default.
namespace tenon::config {

// What reading a configuration asks of the machine.
class Surroundings {
 public:
  virtual ~Surroundings() = default;
  // Relative paths count from the working directory, as for every file named on a command line.
  virtual std::string absolute(const std::string& path) const = 0;
  virtual bool is_folder(const std::string& path) const = 0;
  // The plugins in these absolute folders.
  virtual Result<std::vector<plugins::Manifest>> plugins(
      const std::vector<std::string>& folders) = 0;
};

// A checked configuration, or all that is wrong with it. `file` is for messages only.
std::expected<Config, Problems> read_config(std::string_view text, const std::string& file,
                                            Surroundings&);

}  // namespace tenon::config
