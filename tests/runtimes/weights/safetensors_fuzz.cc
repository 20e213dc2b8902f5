// Any bytes as a safetensors file: what is accepted must lie within the file, without overlap.
#include <algorithm>
#include <cstdlib>
#include <vector>

#include "runtimes/weights/safetensors.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::byte> file(reinterpret_cast<const std::byte*>(data), size);
  const auto header = tenon::weights::SafetensorsHeader::parse(file);
  if (!header) {
    if (header.error().message.empty()) std::abort();
    return 0;
  }
  std::vector<std::pair<std::uint64_t, std::uint64_t>> claimed;
  std::uint64_t total = 0;
  for (const auto& [name, entry] : header->tensors) {
    if (entry.begin > entry.end || entry.end > size) std::abort();
    total += entry.end - entry.begin;
    if (entry.begin < entry.end) claimed.emplace_back(entry.begin, entry.end);
  }
  std::ranges::sort(claimed);
  for (std::size_t i = 1; i < claimed.size(); ++i) {
    if (claimed[i].first < claimed[i - 1].second) std::abort();
  }
  if (total + header->unclaimed_bytes > size) std::abort();
  return 0;
}
