#pragma once

#include <ostream>
#include <span>
#include <string>
#include <string_view>
#include <vector>

// The verbs of `tenon`.
namespace tenon::cli {

// What a program ends with.
inline constexpr int kOk = 0;
inline constexpr int kFailed = 1;      // tried, and it did not work
inline constexpr int kBadUsage = 2;    // the command line or a file is wrong; nothing was done
inline constexpr int kRefused = 4;     // the host said no: HTTP 4xx
inline constexpr int kHostFailed = 5;  // the host could not: HTTP 5xx

struct Streams {
  std::ostream& out;
  std::ostream& err;
};

using Arguments = std::vector<std::string>;  // after the verb

// One verb of one or two words.
struct Command {
  std::string_view verb;     // "get models"
  std::string_view summary;  // one line
  std::string_view usage;    // what follows "tenon VERB"
  std::string_view help;     // options and examples
  int (*run)(const Arguments&, Streams);
};

// Finds the verb and runs it; says what is wrong when there is none.
int dispatch(std::span<const Command>, const Arguments& words, Streams);

// "tenon VERB: MESSAGE" and where help is; kBadUsage.
int bad_usage(std::string_view verb, std::string_view message, Streams);

// Rows as columns two spaces apart, the first row being the heads.
void print_table(std::ostream&, const std::vector<std::vector<std::string>>& rows);

}  // namespace tenon::cli
