#include "host/domain/cpu_list.h"

#include <algorithm>
#include <charconv>
#include <optional>

namespace tenon {
namespace {

constexpr unsigned kMostCpus = 16'384;

std::optional<unsigned> number(std::string_view text) {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value >= kMostCpus) {
    return std::nullopt;
  }
  return value;
}

}  // namespace

Result<CpuList> parse_cpu_list(std::string_view text) {
  CpuList out;
  std::string_view rest = text;
  while (!rest.empty()) {
    const std::string_view item = rest.substr(0, rest.find(','));
    const auto dash = item.find('-');
    const auto first = number(item.substr(0, dash));
    const auto last = dash == item.npos ? first : number(item.substr(dash + 1));
    const bool trailing = item.size() + 1 == rest.size();
    if (!first || !last || *last < *first || trailing) {
      return fail(Code::kInvalid, "'" + std::string(text) +
                                      "' is no list of CPUs: expected numbers below " +
                                      std::to_string(kMostCpus) + " and ranges, such as \"0-3,8\"");
    }
    for (unsigned cpu = *first; cpu <= *last; ++cpu) out.push_back(cpu);
    rest.remove_prefix(std::min(rest.size(), item.size() + 1));
    if (out.size() > kMostCpus) break;  // only a list with repeats is that long
  }
  std::ranges::sort(out);
  const auto repeats = std::ranges::unique(out);
  out.erase(repeats.begin(), repeats.end());
  return out;
}

std::string to_text(const CpuList& cpus) {
  std::string out;
  for (std::size_t i = 0; i < cpus.size();) {
    std::size_t last = i;
    while (last + 1 < cpus.size() && cpus[last + 1] == cpus[last] + 1) ++last;
    out += (out.empty() ? "" : ",") + std::to_string(cpus[i]);
    if (last > i) out += "-" + std::to_string(cpus[last]);
    i = last + 1;
  }
  return out;
}

}  // namespace tenon
