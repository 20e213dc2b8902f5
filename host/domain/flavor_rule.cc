#include "host/domain/flavor_rule.h"

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include "host/domain/code_name.h"

namespace tenon {
namespace {

bool matches(std::string_view pattern, std::string_view text) {
  std::size_t p = 0, t = 0, star = pattern.npos, from = 0;
  while (t < text.size()) {
    if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == text[t]) && pattern[p] != '*') {
      ++p;
      ++t;
    } else if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      from = t;
    } else if (star != pattern.npos) {  // the last star takes one letter more
      p = star + 1;
      t = ++from;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == pattern.npos;
}

// Chips whose word in the name is the code.
constexpr std::array<std::string_view, 24> kChips = {
    "t4",   "l4",   "l40",  "l40s", "a2",   "a10",   "a10g",  "a16",   "a30", "a40", "h20", "h100",
    "h200", "h800", "b100", "b200", "b300", "gb200", "gb300", "gh200", "k80", "p4",  "p40", "p100"};

// Chips that are sold with more than one size of memory under one name.
struct Sized {
  std::string_view chip;
  std::array<unsigned, 2> gigabytes;
};
constexpr std::array<Sized, 3> kSized = {
    {{"a100", {40, 80}}, {"a800", {40, 80}}, {"v100", {16, 32}}}};

std::vector<std::string_view> words_of(std::string_view name) {
  std::vector<std::string_view> out;
  while (!name.empty()) {
    const std::size_t end = std::min(name.find_first_of(" -"), name.size());
    if (end > 0) out.push_back(name.substr(0, end));
    name.remove_prefix(std::min(end + 1, name.size()));
  }
  return out;
}

std::string sized_code(const Sized& sized, std::span<const std::string_view> words,
                       std::uint64_t bytes) {
  const auto code = [&](unsigned size) {
    return std::string(sized.chip) + "-" + std::to_string(size) + "gb";
  };
  for (const unsigned size : sized.gigabytes) {
    if (std::ranges::find(words, std::to_string(size) + "gb") != words.end()) return code(size);
  }
  const std::uint64_t middle = 500'000'000ULL * (sized.gigabytes[0] + sized.gigabytes[1]);
  return code(sized.gigabytes[bytes > middle]);
}

std::string slug(std::span<const std::string_view> words) {
  std::string out;
  for (const std::string_view word : words) {
    if (word == "nvidia" || word == "geforce" || word == "tesla" || word == "gpu" ||
        word == "generation") {
      continue;
    }
    if (!out.empty()) out += '-';
    for (const char c : word) {
      const bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
      out += plain ? c : '.';
    }
  }
  // A code begins and ends with a letter or digit and has 63 at most.
  if (out.size() > 63) out.resize(63);
  out.erase(out.find_last_not_of("-.") + 1);
  out.erase(0, std::min(out.find_first_not_of("-."), out.size()));
  return out.empty() ? "unknown" : out;
}

std::string built_in(std::string_view name, std::uint64_t bytes) {
  const auto words = words_of(name);
  const auto has = [&](std::string_view word) {
    return std::ranges::find(words, word) != words.end();
  };
  if (has("rtx")) return slug(words);
  for (const Sized& sized : kSized) {
    if (has(sized.chip)) return sized_code(sized, words, bytes);
  }
  for (const std::string_view chip : kChips) {
    // The NVL board has 94 GB where others have 80.
    if (has(chip)) return std::string(chip) + (chip == "h100" && has("nvl") ? "-nvl" : "");
  }
  return slug(words);
}

}  // namespace

Flavor flavor_of(std::string_view name, std::uint64_t bytes, std::span<const FlavorRule> rules) {
  const std::string lower = lower_case(name);
  for (const FlavorRule& rule : rules) {
    if (bytes >= rule.least && bytes <= rule.most && matches(lower_case(rule.match), lower)) {
      return rule.flavor;
    }
  }
  constexpr std::string_view kMig = " mig ";
  const std::string_view whole = lower;
  const auto mig = whole.find(kMig);
  std::string code = built_in(whole.substr(0, mig), bytes);
  if (mig != whole.npos) {
    const std::string_view profile = whole.substr(mig + kMig.size());
    code = slug(std::array<std::string_view, 2>{code, profile});
  }
  return {FlavorType::kGpu, std::move(code)};
}

Flavor cpu_flavor(std::string_view architecture) {
  const bool arm = architecture == "aarch64" || architecture == "arm64";
  return {FlavorType::kCpu, arm ? "arm64" : "x86"};
}

}  // namespace tenon
