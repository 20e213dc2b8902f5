#include "plugins/tei/shortest_float.h"

#include <array>
#include <bit>

namespace tenon::tei {

namespace {

constexpr int kMinPower = -31;
constexpr int kMaxPower = 45;

constexpr int floor_log2_pow10(int e) {
  return (e * 1741647) >> 19;
}

// A number of 320 bits, enough for 10^45 and for 2^256 / 10^31.
struct Wide {
  std::array<std::uint32_t, 10> limbs{};  // lowest first

  constexpr void multiply_by_ten() {
    std::uint64_t carry = 0;
    for (std::uint32_t& limb : limbs) {
      carry += std::uint64_t{limb} * 10;
      limb = static_cast<std::uint32_t>(carry);
      carry >>= 32;
    }
  }
  // Whether nothing was left over.
  constexpr bool divide_by_ten() {
    std::uint64_t rest = 0;
    for (std::size_t i = limbs.size(); i-- > 0;) {
      rest = rest << 32 | limbs[i];
      limbs[i] = static_cast<std::uint32_t>(rest / 10);
      rest %= 10;
    }
    return rest == 0;
  }
  constexpr bool bit(int i) const {
    return (limbs[static_cast<std::size_t>(i / 32)] >> (i % 32) & 1) != 0;
  }
  // Its 64 highest bits, rounded up; exact: nothing was cut off before.
  constexpr std::uint64_t top(bool exact) const {
    int high = 319;
    while (!bit(high)) --high;
    std::uint64_t value = 0;
    for (int i = high; i > high - 64; --i) value = value << 1 | (i >= 0 && bit(i) ? 1u : 0u);
    for (int i = high - 64; i >= 0; --i) exact = exact && !bit(i);
    return exact ? value : value + 1;
  }
};

// 10^k scaled to 64 bits, rounded up.
constexpr auto kPowers = [] {
  std::array<std::uint64_t, kMaxPower - kMinPower + 1> powers{};
  Wide up;
  up.limbs[0] = 1;
  for (int k = 0; k <= kMaxPower; ++k) {
    powers[static_cast<std::size_t>(k - kMinPower)] = up.top(true);
    up.multiply_by_ten();
  }
  Wide down;
  down.limbs[8] = 1;
  for (int k = -1; k >= kMinPower; --k) {
    down.divide_by_ten();
    powers[static_cast<std::size_t>(k - kMinPower)] = down.top(false);
  }
  return powers;
}();
static_assert(kPowers[-kMinPower] == 0x8000000000000000);
static_assert(kPowers[0] == 0x81CEB32C4B43FCF5);

// The high part of a product whose lowest bit also tells whether anything was cut off.
std::uint32_t round_to_odd(std::uint64_t power, std::uint32_t factor) {
  const unsigned __int128 product = static_cast<unsigned __int128>(power) * factor;
  const auto high = static_cast<std::uint32_t>(product >> 64);
  const auto low = static_cast<std::uint32_t>(static_cast<std::uint64_t>(product) >> 32);
  return high | (low > 1 ? 1u : 0u);
}

}  // namespace

Decimal shortest_decimal(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t fraction = bits & 0x7FFFFF;
  const std::uint32_t biased = bits >> 23 & 0xFF;
  const std::uint32_t c = biased == 0 ? fraction : fraction | 0x800000;
  const int q = static_cast<int>(biased == 0 ? 1 : biased) - 150;
  const bool closer_below = fraction == 0 && biased > 1;

  // The interval that reads back as this float, times 4, in units of 10^k.
  const int k = (q * 1262611 - (closer_below ? 524031 : 0)) >> 22;
  const int h = q + floor_log2_pow10(-k) + 1;
  const std::uint64_t power = kPowers[static_cast<std::size_t>(-k - kMinPower)];
  const std::uint32_t below = round_to_odd(power, (4 * c - (closer_below ? 1 : 2)) << h);
  const std::uint32_t exact = round_to_odd(power, (4 * c) << h);
  const std::uint32_t above = round_to_odd(power, (4 * c + 2) << h);
  const std::uint32_t open = c & 1;  // an even float owns its ends
  const std::uint32_t lower = below + open;
  const std::uint32_t upper = above - open;

  const std::uint32_t s = exact / 4;
  if (s >= 10) {
    const std::uint32_t tens = s / 10;
    const bool down = lower <= 40 * tens;
    const bool up = 40 * tens + 40 <= upper;
    if (down != up) return {tens + (up ? 1 : 0), k + 1};
  }
  const bool down = lower <= 4 * s;
  const bool up = 4 * s + 4 <= upper;
  if (down != up) return {s + (up ? 1 : 0), k};
  const std::uint32_t middle = 4 * s + 2;
  return {s + (exact > middle || (exact == middle && (s & 1) != 0) ? 1 : 0), k};
}

}  // namespace tenon::tei
