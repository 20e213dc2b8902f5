#include "host/gateway/request_id.h"

#include <sys/random.h>

#include <algorithm>
#include <bit>
#include <chrono>
#include <span>

namespace tenon::gateway {
namespace {

// Lower-case only, as the W3C asks.
int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

bool read_hex(std::string_view text, std::span<std::uint8_t> out) {
  for (std::size_t i = 0; i < out.size(); ++i) {
    const int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);
    if (high < 0 || low < 0) return false;
    out[i] = static_cast<std::uint8_t>(high * 16 + low);
  }
  return std::ranges::any_of(out, [](std::uint8_t byte) { return byte != 0; });
}

}  // namespace

bool is_sane_request_id(std::string_view id) {
  return !id.empty() && id.size() <= 128 && std::ranges::all_of(id, [](char c) {
    return c > ' ' && c < 0x7f && c != '"' && c != '\\';
  });
}

RequestIds::RequestIds() {
  if (getrandom(state_, sizeof state_, 0) != sizeof state_) {
    std::uint64_t seed =
        static_cast<std::uint64_t>(std::chrono::system_clock::now().time_since_epoch().count());
    for (std::uint64_t& word : state_) {
      word = seed = seed * 0x5851F42D4C957F2D + reinterpret_cast<std::uintptr_t>(this);
    }
  }
}

// xoshiro256++
std::uint64_t RequestIds::random() {
  const std::uint64_t result = std::rotl(state_[0] + state_[3], 23) + state_[0];
  const std::uint64_t t = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= t;
  state_[3] = std::rotl(state_[3], 45);
  return result;
}

void RequestIds::next(std::string& id) {
  id.resize(32);
  for (std::size_t word = 0; word < 2; ++word) {
    std::uint64_t bits = random();
    for (std::size_t i = 0; i < 16; ++i, bits >>= 4)
      id[word * 16 + i] = "0123456789abcdef"[bits & 15];
  }
}

TraceContext parse_traceparent(std::string_view text) {
  // 00-{32 hex}-{16 hex}-{2 hex}; a later version may go on behind it.
  TraceContext context;
  if (text.size() < 55 || text[2] != '-' || text[35] != '-' || text[52] != '-' ||
      text.starts_with("ff") || (text.size() > 55 && text[55] != '-') ||
      (text.size() > 55 && text.starts_with("00")) || hex_digit(text[0]) < 0 ||
      hex_digit(text[1]) < 0) {
    return {};
  }
  if (!read_hex(text.substr(3, 32), context.trace_id) ||
      !read_hex(text.substr(36, 16), context.span_id)) {
    return {};
  }
  return context;
}

}  // namespace tenon::gateway
