#include <algorithm>
#include <cmath>

#include "runtimes/encoder/encoder.h"

namespace tenon::encoder {

void pool_rows(Pooling pooling, std::span<const float> rows, std::span<float> out) {
  const std::size_t width = out.size();
  std::ranges::copy(rows.first(width), out.begin());
  if (pooling == Pooling::kCls) return;
  for (std::size_t start = width; start < rows.size(); start += width) {
    const auto row = rows.subspan(start, width);
    for (std::size_t i = 0; i < width; ++i) {
      out[i] = pooling == Pooling::kMax ? std::max(out[i], row[i]) : out[i] + row[i];
    }
  }
  if (pooling == Pooling::kMax) return;
  const auto tokens = static_cast<float>(rows.size() / width);
  for (float& value : out) value /= tokens;
}

void normalise(std::span<float> embedding) {
  double squares = 0;
  for (const float value : embedding) squares += static_cast<double>(value) * value;
  const auto scale = static_cast<float>(1.0 / std::sqrt(squares));
  for (float& value : embedding) value *= scale;
}

}  // namespace tenon::encoder
