#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <tuple>
#include <vector>

namespace tenon::access {

struct RefusedWrite {
  std::string who, what, why;                // "key ci (k1)", "PUT /v0/policies/eu", "FORBIDDEN"
  std::chrono::system_clock::time_point at;  // the first time
  std::uint64_t count = 0;
};

// Gathers writes that were refused, alike ones into one, so that whoever floods the host does not
// flood the audit log. [any thread]
class RefusedWrites {
 public:
  static constexpr std::size_t kMost = 256;         // unlike ones between two take()
  static constexpr std::size_t kLongestWhat = 200;  // bytes that are kept of a path

  void note(std::string who, std::string what, std::string why,
            std::chrono::system_clock::time_point at) {
    if (what.size() > kLongestWhat) what.resize(kLongestWhat);
    const std::lock_guard lock(mutex_);
    if (seen_.size() >= kMost) who = "others", what = "…", why = "…";
    auto& [first, count] = seen_[{std::move(who), std::move(what), std::move(why)}];
    if (count++ == 0) first = at;
  }

  // Those since the last call.
  std::vector<RefusedWrite> take() {
    const std::lock_guard lock(mutex_);
    std::vector<RefusedWrite> out;
    for (const auto& [what, seen] : seen_) {
      out.push_back(
          {std::get<0>(what), std::get<1>(what), std::get<2>(what), seen.first, seen.second});
    }
    seen_.clear();
    return out;
  }

 private:
  std::mutex mutex_;
  std::map<std::tuple<std::string, std::string, std::string>,
           std::pair<std::chrono::system_clock::time_point, std::uint64_t>>
      seen_;
};

}  // namespace tenon::access
