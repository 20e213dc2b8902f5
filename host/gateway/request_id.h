#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace tenon::gateway {

// Whether a client's x-request-id may be taken over: 1–128 visible characters, none of which would
// need an escape in a log or in JSON.
bool is_sane_request_id(std::string_view);

// Makes request ids, 128 random bits each. For one thread; not for secrets.
class RequestIds {
 public:
  RequestIds();  // seeded by the kernel
  // Writes 32 hex digits.
  void next(std::string& id);

 private:
  std::uint64_t random();
  std::uint64_t state_[4];
};

struct TraceContext {
  std::array<std::uint8_t, 16> trace_id{};
  std::array<std::uint8_t, 8> span_id{};
};

// Reads a W3C traceparent; zeros when it is malformed.
TraceContext parse_traceparent(std::string_view);

}  // namespace tenon::gateway
