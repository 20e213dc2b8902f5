#pragma once

#include <ostream>
#include <span>

#include "host/cli/command.h"
#include "host/cli/doctor_checks.h"

namespace tenon::cli {

// `tenon doctor`
int doctor(const Arguments&, Streams);

// For people; kFailed when something is wrong.
int print_findings(std::span<const Finding>, std::ostream&);

}  // namespace tenon::cli
