#include <fmt/format.h>

#include "host/scheduler/placement.h"

namespace tenon::scheduler {
namespace {

std::string size(std::uint64_t bytes) {
  const auto in = [bytes](double unit) { return static_cast<double>(bytes) / unit; };
  if (bytes >= 1'000'000'000) return fmt::format("{:.1f} GB", in(1e9));
  if (bytes >= 1'000'000) return fmt::format("{:.1f} MB", in(1e6));
  return fmt::format("{} bytes", bytes);
}

std::string devices_of(const Decision& d, const Inventory& inventory) {
  std::string names;
  for (const Use& use : d.site) {
    names +=
        fmt::format("{}{}{}", names.empty() ? "" : ", ", inventory.shelf(use.device).device.name,
                    use.bytes == 0 ? "" : fmt::format(" ({})", size(use.bytes)));
  }
  return names;
}

std::string_view outcome(Verdict verdict) {
  switch (verdict) {
    case Verdict::kStart:
      return "starts";
    case Verdict::kRoomComing:
      return "has room reserved";
    case Verdict::kWait:
      return "waits for room";
    case Verdict::kBehind:
      return "waits behind an earlier one that was passed over too often";
    case Verdict::kNever:
      return "cannot run here";
  }
  return "";
}

}  // namespace

std::string explain(const Rejection& r) {
  using Why = Rejection::Why;
  const std::string flavor = to_string(r.flavor);
  switch (r.why) {
    case Why::kLocation:
      return "its location policies do not allow this host";
    case Why::kNoSuchDevice:
      return fmt::format("{}: there is no such device here", flavor);
    case Why::kOutOfUse:
      return fmt::format("{}: {} lost or failing", flavor,
                         r.found == 1 ? "a device is" : fmt::format("{} devices are", r.found));
    case Why::kTooFewDevices:
      return fmt::format("{}: a node has {} of them at most, {} are needed", flavor, r.found,
                         r.wanted);
    case Why::kTooSmall:
      return fmt::format("{}: the largest device has {}, {} are needed", flavor, size(r.found),
                         size(r.wanted));
    case Why::kNotFree:
      return fmt::format("{}: at most {} are free, {} are needed", flavor, size(r.found),
                         size(r.wanted));
    case Why::kNothingIdle:
      return fmt::format(
          "{}: at most {} are free or held by idle replicas that may go, {} are "
          "needed",
          flavor, size(r.found), size(r.wanted));
    case Why::kHostMemory:
      return fmt::format("{}: no node with room on its devices has {} of host memory", flavor,
                         size(r.wanted));
    case Why::kHeld:
      return fmt::format("{}: {} kept free for one that was passed over too often", flavor,
                         r.found == 1 ? "a device is" : fmt::format("{} devices are", r.found));
  }
  return flavor;
}

std::string explain(std::span<const Rejection> all) {
  std::string text;
  for (const Rejection& r : all) text += (text.empty() ? "" : "; ") + explain(r);
  return text;
}

std::string explain(const Decision& d, const Inventory& inventory) {
  std::string text(outcome(d.verdict));
  if (!d.site.empty()) {
    text += fmt::format(" on {}: {}", to_string(d.flavor), devices_of(d, inventory));
  }
  if (!d.end.empty()) {
    text += fmt::format("; {} idle {} worth least {} room", d.end.size(),
                        d.end.size() == 1 ? "replica" : "replicas",
                        d.end.size() == 1 ? "makes" : "make");
  }
  return d.rejected.empty() ? text : text + "; " + explain(d.rejected);
}

}  // namespace tenon::scheduler
