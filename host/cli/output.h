#pragma once

#include <boost/json/value.hpp>
#include <cstdint>
#include <string>
#include <string_view>

#include "host/cli/options.h"
#include "host/domain/error.h"

namespace tenon::cli {

// How an answer is printed.
enum class Form : std::uint8_t { kTable, kJson, kToml, kYaml };

void add_output_option(options_description&);  // -o, --output
Result<Form> output_form(const variables_map&);

// JSON for people: two spaces a level, short values on one line, no control characters. Ends in a
// line break.
std::string pretty_json(const boost::json::value&);

// A resource of the API as a table of a manifest: what `tenon apply` takes again. Anything else as
// a table of this name.
std::string as_manifest(const boost::json::value& resource, std::string_view otherwise);

// An object with all that it holds.
std::string as_toml(const boost::json::value& object);

// A whole answer in a form that is no table.
std::string in_form(Form, const boost::json::value&);

// Where it is, as "/spec/scale"; null when it is not.
const boost::json::value* json_at(const boost::json::value&, std::string_view pointer);

// The text that is there, for a terminal; "" when there is none.
std::string text_at(const boost::json::value&, std::string_view pointer);

}  // namespace tenon::cli
