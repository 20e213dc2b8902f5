#include "host/cli/options.h"

#include <boost/program_options/errors.hpp>
#include <boost/program_options/parsers.hpp>

#include "host/domain/nearest.h"

namespace tenon::cli {

namespace po = boost::program_options;

Result<variables_map> parse_options(const Arguments& words, const options_description& options,
                                    const positional_options_description& positional) {
  // No guessing: an abbreviation that works today may mean another option tomorrow.
  constexpr int kStyle =
      po::command_line_style::unix_style & ~po::command_line_style::allow_guessing;
  try {
    variables_map out;
    po::store(
        po::command_line_parser(words).options(options).positional(positional).style(kStyle).run(),
        out);
    po::notify(out);
    return out;
  } catch (const po::unknown_option& error) {
    std::vector<std::string> names;
    for (const auto& option : options.options()) names.push_back("--" + option->long_name());
    const std::vector<std::string_view> known(names.begin(), names.end());
    const std::string said = error.get_option_name();
    return fail(Code::kInvalid, "there is no option '" + said + "'" + did_you_mean(said, known));
  } catch (const po::too_many_positional_options_error&) {
    return fail(Code::kInvalid, "too many arguments");
  } catch (const po::error& error) {
    return fail(Code::kInvalid, error.what());
  }
}

}  // namespace tenon::cli
