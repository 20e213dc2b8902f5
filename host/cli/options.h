#pragma once

#include <boost/program_options/options_description.hpp>
#include <boost/program_options/positional_options.hpp>
#include <boost/program_options/variables_map.hpp>

#include "host/cli/command.h"
#include "host/domain/error.h"

namespace tenon::cli {

using boost::program_options::options_description;
using boost::program_options::positional_options_description;
using boost::program_options::value;
using boost::program_options::variables_map;

// A verb's options. The error says what is wrong with the command line; unknown options name the
// nearest known one.
Result<variables_map> parse_options(const Arguments&, const options_description&,
                                    const positional_options_description& = {});

}  // namespace tenon::cli
