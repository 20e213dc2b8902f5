#pragma once

#include <string>
#include <string_view>

#include "host/cli/command.h"
#include "host/domain/error.h"

namespace tenon::cli {

// `tenon get models`
int get_models(const Arguments&, Streams);

// The body of GET /v0/models as rows for people: heads first.
Result<std::vector<std::vector<std::string>>> models_table(std::string_view body);

}  // namespace tenon::cli
