#pragma once

#include <chrono>
#include <cstdint>
#include <map>

namespace tenon::simulator {

// How long requests waited, exact to one per cent.
class Waits {
 public:
  void add(std::chrono::microseconds wait) {
    ++counts_[rounded(wait.count())];
    ++count_;
  }
  std::uint64_t count() const { return count_; }

  // No more than this had `share` of them (0 to 1); zero when there are none.
  std::chrono::microseconds at(double share) const {
    const auto wanted = static_cast<std::uint64_t>(share * static_cast<double>(count_));
    std::uint64_t seen = 0;
    for (const auto& [wait, count] : counts_) {
      seen += count;
      if (seen > wanted || seen == count_) return std::chrono::microseconds(wait);
    }
    return {};
  }

 private:
  static std::int64_t rounded(std::int64_t wait) {
    std::int64_t unit = 1;
    while (wait / unit >= 1'000) unit *= 10;
    return (wait + unit - 1) / unit * unit;
  }

  std::map<std::int64_t, std::uint64_t> counts_;
  std::uint64_t count_ = 0;
};

}  // namespace tenon::simulator
