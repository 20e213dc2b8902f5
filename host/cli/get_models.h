#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "host/cli/command.h"
#include "host/domain/error.h"

namespace tenon::cli {

// `tenon get models`
int get_models(const Arguments&, Streams);

using Rows = std::vector<std::vector<std::string>>;

// Adds a page of GET /v0/models as rows for people; gives where the next one begins, if there is
// one.
Result<std::optional<std::string>> add_models(std::string_view body, Rows&);

}  // namespace tenon::cli
