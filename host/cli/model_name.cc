#include "host/cli/model_name.h"

#include <fmt/format.h>

namespace tenon::cli {

Result<ModelName> model_name(const variables_map& options) {
  ModelName out{options["model"].as<std::string>(), options["environment"].as<std::string>()};
  const std::size_t at = out.model.find('@');
  if (at == std::string::npos) return out;
  const std::string environment = out.model.substr(at + 1);
  if (!out.environment.empty() && out.environment != environment) {
    return fail(Code::kInvalid,
                fmt::format("{} and -e {}: which environment?", out.model, out.environment));
  }
  out.environment = environment;
  out.model.resize(at);
  return out;
}

}  // namespace tenon::cli
