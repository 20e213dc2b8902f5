#include "host/devices/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <span>

namespace tenon::devices {
namespace {

constexpr std::size_t kLongestText = 200;
constexpr std::uint64_t kMostMemory = 1ULL << 46;
constexpr unsigned kMostNumber = 1 << 20;
constexpr std::array<std::string_view, 4> kHealths = {"ok", "failing", "lost", "unknown"};
constexpr std::array<std::string_view, 6> kLevels = {"board",  "nvlink", "switch",
                                                     "bridge", "node",   "system"};

std::string cleaned(std::string_view text) {
  std::string out(text.substr(0, kLongestText));
  for (char& c : out) {
    if (c < ' ' || c > '~') c = '?';
  }
  return out;
}

// The fields of one line, in order; remembers whether all were right.
class Fields {
 public:
  explicit Fields(std::string_view line) : rest_(line) {}

  std::string text() {
    const std::string_view field = next();
    right_ &= field.size() <= kLongestText &&
              std::ranges::all_of(field, [](char c) { return c >= ' ' && c <= '~'; });
    return std::string(field);
  }
  std::string name() {  // not empty
    std::string out = text();
    right_ &= !out.empty();
    return out;
  }
  std::uint64_t number(std::uint64_t most) {
    const std::string_view field = next();
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), value);
    right_ &= error == std::errc() && end == field.data() + field.size() && value <= most;
    return value;
  }
  unsigned small() { return static_cast<unsigned>(number(kMostNumber)); }
  std::size_t word(std::span<const std::string_view> words) {
    const auto at = std::ranges::find(words, next());
    right_ &= at != words.end();
    return at == words.end() ? 0 : static_cast<std::size_t>(at - words.begin());
  }
  bool whole() const { return right_ && ended_; }

 private:
  std::string_view next() {
    if (ended_) {
      right_ = false;
      return {};
    }
    const auto tab = rest_.find('\t');
    const std::string_view field = rest_.substr(0, tab);
    ended_ = tab == rest_.npos;
    rest_.remove_prefix(ended_ ? rest_.size() : tab + 1);
    return field;
  }

  std::string_view rest_;
  bool right_ = true;
  bool ended_ = false;
};

ReportedGpu gpu_of(Fields& fields) {
  ReportedGpu gpu;
  gpu.uuid = fields.name();
  gpu.name = fields.name();
  gpu.pci_bus = fields.text();
  gpu.minor = fields.small();
  gpu.compute_major = fields.small();
  gpu.compute_minor = fields.small();
  gpu.memory_bytes = fields.number(kMostMemory);
  gpu.free_bytes = std::min(fields.number(~std::uint64_t{0}), gpu.memory_bytes);
  gpu.mig = fields.number(1) == 1;
  gpu.health = static_cast<Health>(fields.word(kHealths));
  gpu.reason = fields.text();
  return gpu;
}

ReportedSlice slice_of(Fields& fields) {
  ReportedSlice slice;
  slice.parent = fields.name();
  slice.uuid = fields.name();
  slice.name = fields.name();
  slice.gpu_instance = fields.small();
  slice.compute_instance = fields.small();
  slice.memory_bytes = fields.number(kMostMemory);
  slice.free_bytes = std::min(fields.number(~std::uint64_t{0}), slice.memory_bytes);
  return slice;
}

bool read_line(Report& report, std::string_view line) {
  Fields fields(line);
  const std::string kind = fields.text();
  if (kind == "driver") {
    report.driver = fields.name();
  } else if (kind == "absent") {
    report.absent = fields.name();
  } else if (kind == "problem") {
    report.problem = fields.name();
  } else if (kind == "gpu" && report.gpus.size() < kMostGpus) {
    report.gpus.push_back(gpu_of(fields));
  } else if (kind == "slice" && report.slices.size() < kMostSlices) {
    report.slices.push_back(slice_of(fields));
  } else if (kind == "link" && report.links.size() < kMostGpus * kMostGpus) {
    Link link;
    link.a = fields.name();
    link.b = fields.name();
    link.level = static_cast<LinkLevel>(fields.word(kLevels));
    report.links.push_back(std::move(link));
  } else {
    return false;
  }
  return fields.whole();
}

// A device twice, or a slice or a link of none.
std::optional<std::string> contradiction(const Report& report) {
  std::vector<std::string_view> whole, all;
  for (const auto& gpu : report.gpus) whole.push_back(gpu.uuid);
  std::ranges::sort(whole);
  all = whole;
  for (const auto& slice : report.slices) {
    all.push_back(slice.uuid);
    if (!std::ranges::binary_search(whole, slice.parent)) return "a slice of no device";
  }
  std::ranges::sort(all);
  if (std::ranges::adjacent_find(all) != all.end()) return "a device twice";
  for (const Link& link : report.links) {
    if (link.a == link.b || !std::ranges::binary_search(whole, link.a) ||
        !std::ranges::binary_search(whole, link.b)) {
      return "a link between no two devices";
    }
  }
  return std::nullopt;
}

}  // namespace

std::string_view to_string(Health health) {
  return kHealths[static_cast<std::size_t>(health)];
}
std::string_view to_string(LinkLevel level) {
  return kLevels[static_cast<std::size_t>(level)];
}

std::string encode(const Report& report) {
  std::string out;
  const auto line = [&out](std::string_view kind, const std::string& text) {
    if (!text.empty()) out += fmt::format("{}\t{}\n", kind, cleaned(text));
  };
  line("driver", report.driver);
  line("absent", report.absent);
  line("problem", report.problem);
  for (const auto& gpu : report.gpus) {
    out += fmt::format("gpu\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\n", cleaned(gpu.uuid),
                       cleaned(gpu.name), cleaned(gpu.pci_bus), gpu.minor, gpu.compute_major,
                       gpu.compute_minor, gpu.memory_bytes, gpu.free_bytes, gpu.mig ? 1 : 0,
                       to_string(gpu.health), cleaned(gpu.reason));
  }
  for (const auto& slice : report.slices) {
    out += fmt::format("slice\t{}\t{}\t{}\t{}\t{}\t{}\t{}\n", cleaned(slice.parent),
                       cleaned(slice.uuid), cleaned(slice.name), slice.gpu_instance,
                       slice.compute_instance, slice.memory_bytes, slice.free_bytes);
  }
  for (const Link& link : report.links) {
    out +=
        fmt::format("link\t{}\t{}\t{}\n", cleaned(link.a), cleaned(link.b), to_string(link.level));
  }
  return out + "end\n";
}

Result<Report> parse_report(std::string_view text) {
  constexpr std::string_view kEnd = "end\n";
  if (text.size() > kMostReportBytes || !text.ends_with(kEnd)) {
    return fail(Code::kInternal,
                fmt::format("tenon-devices: {} bytes without an end", text.size()));
  }
  text.remove_suffix(kEnd.size());
  Report report;
  for (unsigned number = 1; !text.empty(); ++number) {
    const auto end = text.find('\n');
    if (end == text.npos || !read_line(report, text.substr(0, end))) {
      return fail(Code::kInternal, fmt::format("tenon-devices: line {} is not as expected: '{}'",
                                               number, cleaned(text.substr(0, end))));
    }
    text.remove_prefix(end + 1);
  }
  if (const auto wrong = contradiction(report)) {
    return fail(Code::kInternal, "tenon-devices names " + *wrong);
  }
  return report;
}

}  // namespace tenon::devices
