#pragma once

#include <string>

#include "host/cli/options.h"
#include "host/domain/error.h"

namespace tenon::cli {

// MODEL, MODEL@ENVIRONMENT, or MODEL with -e.
struct ModelName {
  std::string model, environment;  // "" where it is not said
};

// Of the options "model" and "environment".
Result<ModelName> model_name(const variables_map&);

}  // namespace tenon::cli
