#pragma once

#include <cstdint>

namespace tenon::tei {

// digits × 10^exponent; digits may end in zeroes.
struct Decimal {
  std::uint32_t digits = 0;
  int exponent = 0;
};

// The shortest decimal that reads back as this positive, finite float; of several the closest.
// Raffaello Giulietti, "The Schubfach way to render doubles" (2020), for floats.
Decimal shortest_decimal(float value);

}  // namespace tenon::tei
