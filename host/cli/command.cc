#include "host/cli/command.h"

#include <fmt/format.h>

#include <algorithm>

#include "host/cli/version.h"
#include "host/domain/nearest.h"

namespace tenon::cli {
namespace {

bool is_help(std::string_view word) {
  return word == "--help" || word == "-h" || word == "help";
}

void print_overview(std::span<const Command> commands, std::ostream& out) {
  out << "Tenon serves models that start when the first request for them comes.\n\n"
         "usage: tenon VERB …\n\n";
  for (const Command& command : commands) {
    out << fmt::format("  {:<16} {}\n", command.verb, command.summary);
  }
  out << "\n  tenon VERB --help            options and examples of a verb\n"
         "  tenon --version\n";
}

void print_help(const Command& command, std::ostream& out) {
  out << fmt::format("usage: tenon {} {}\n\n{}.\n\n{}", command.verb, command.usage,
                     command.summary, command.help);
}

// How many of the words the verb takes: 0 when it is not this verb.
std::size_t matched(const Command& command, const Arguments& words) {
  const std::size_t space = command.verb.find(' ');
  if (words.empty()) return 0;
  if (space == std::string_view::npos) return words[0] == command.verb ? 1 : 0;
  return words.size() > 1 && words[0] == command.verb.substr(0, space) &&
                 words[1] == command.verb.substr(space + 1)
             ? 2
             : 0;
}

int unknown_verb(std::span<const Command> commands, const Arguments& words, Streams streams) {
  std::vector<std::string_view> verbs, first;
  for (const Command& command : commands) {
    verbs.push_back(command.verb);
    first.push_back(command.verb.substr(0, command.verb.find(' ')));
  }
  std::string said = words[0];
  if (words.size() > 1 && !words[1].starts_with('-')) said += " " + words[1];
  std::string hint = did_you_mean(said, verbs);
  if (hint.empty()) {
    // "tenon get", "tenon serv x.toml": the first word alone says what was meant.
    for (std::size_t i = 0; i < verbs.size(); ++i) {
      const bool meant = words[0] == first[i] || nearest(words[0], first) == first[i];
      if (meant) hint += fmt::format("{} '{}'", hint.empty() ? "; did you mean" : " or", verbs[i]);
    }
    if (!hint.empty()) hint += "?";
  }
  streams.err << fmt::format("tenon: there is no verb '{}'{}\n", said, hint)
              << "'tenon --help' lists the verbs.\n";
  return kBadUsage;
}

}  // namespace

int dispatch(std::span<const Command> commands, const Arguments& words, Streams streams) {
  if (words.empty()) {
    print_overview(commands, streams.err);
    return kBadUsage;
  }
  if (is_help(words[0]) && words.size() == 1) {
    print_overview(commands, streams.out);
    return kOk;
  }
  if (words[0] == "--version") {
    streams.out << "tenon " << kVersion << "\n";
    return kOk;
  }
  // "plugin list" is meant rather than "plugin".
  const auto meant = std::ranges::max_element(
      commands, {}, [&](const Command& command) { return matched(command, words); });
  const std::size_t taken = meant == commands.end() ? 0 : matched(*meant, words);
  if (taken == 0) return unknown_verb(commands, words, streams);
  const Arguments rest(words.begin() + static_cast<std::ptrdiff_t>(taken), words.end());
  if (std::ranges::any_of(rest, is_help)) {
    print_help(*meant, streams.out);
    return kOk;
  }
  return meant->run(rest, streams);
}

int bad_usage(std::string_view verb, std::string_view message, Streams streams) {
  streams.err << fmt::format("tenon {}: {}\n'tenon {} --help' shows how.\n", verb, message, verb);
  return kBadUsage;
}

void print_table(std::ostream& out, const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      line += i + 1 == row.size() ? row[i] : fmt::format("{:<{}}  ", row[i], widths[i]);
    }
    out << line << "\n";
  }
}

}  // namespace tenon::cli
