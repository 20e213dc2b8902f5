#include "host/cli/completion.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <set>
#include <vector>

#include "host/cli/listing.h"

namespace tenon::cli {
namespace {

// "--dry-run" and the like, wherever a help text has them.
std::set<std::string> options_in(std::string_view help) {
  constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyz-";
  std::set<std::string> out = {"--help"};
  for (auto at = help.find("--"); at != help.npos; at = help.find("--", at)) {
    const std::size_t end = std::min(help.find_first_not_of(kLetters, at), help.size());
    if (end - at > 2) out.emplace(help.substr(at, end - at));
    at = end;
  }
  return out;
}

std::string kinds() {
  std::vector<std::string_view> out;
  for (const Listing& listing : listings()) out.push_back(listing.name);
  return fmt::format("{}", fmt::join(out, " "));
}

// zsh runs what was written for bash.
constexpr std::string_view kBashInZsh =
    "autoload -U +X compinit bashcompinit\n"
    "(( $+functions[compdef] )) || compinit\n"
    "bashcompinit\n";

}  // namespace

std::string bash_completion(std::span<const Command> commands) {
  std::map<std::string, std::set<std::string>> after;  // a first word, and its second ones
  std::string of_one, of_two;                          // options of verbs of one word and of two
  for (const Command& command : commands) {
    const std::size_t space = command.verb.find(' ');
    auto& second = after[std::string(command.verb.substr(0, space))];
    if (space != command.verb.npos) second.emplace(command.verb.substr(space + 1));
    std::string& options = space == command.verb.npos ? of_one : of_two;
    options += fmt::format("    '{}') words='{}' ;;\n", command.verb,
                           fmt::join(options_in(command.help), " "));
  }
  std::vector<std::string> first;
  std::string second;
  for (const auto& [verb, words] : after) {
    first.push_back(verb);
    const bool takes_kind = verb == "get" || verb == "describe" || verb == "delete";
    const std::string all = fmt::format("{}{}{}", fmt::join(words, " "), words.empty() ? "" : " ",
                                        takes_kind ? kinds() : std::string());
    if (!words.empty() || takes_kind) second += fmt::format("    '{}') words='{}' ;;\n", verb, all);
  }
  return fmt::format(R"(# Completion of tenon for bash: source <(tenon completion bash)
_tenon() {{
  local words='' current="${{COMP_WORDS[COMP_CWORD]}}"
  if [ "$COMP_CWORD" = 1 ]; then
    words='{}'
  elif [ "${{current:0:1}}" = - ]; then
    case "${{COMP_WORDS[1]}}" in
{}    esac
    case "${{COMP_WORDS[1]}} ${{COMP_WORDS[2]}}" in
{}    esac
  elif [ "$COMP_CWORD" = 2 ]; then
    case "${{COMP_WORDS[1]}}" in
{}    esac
  fi
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}}
complete -o default -F _tenon tenon
)",
                     fmt::join(first, " "), of_one, of_two, second);
}

int completion(std::span<const Command> commands, const Arguments& words, Streams streams) {
  if (words.size() != 1 || (words[0] != "bash" && words[0] != "zsh")) {
    return bad_usage("completion", "for which shell? bash or zsh", streams);
  }
  if (words[0] == "zsh") streams.out << kBashInZsh;
  streams.out << bash_completion(commands);
  return kOk;
}

}  // namespace tenon::cli
