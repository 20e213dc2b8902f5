#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

// What the records of the rings say. Both sides are built together: the layout may change at will.
namespace tenon::workers {

// host → worker
enum class RequestKind : std::uint16_t { kRequest = 1, kBody = 2, kCredit = 3, kCancel = 4 };
// worker → host
enum class ResponseKind : std::uint16_t { kMessage = 1, kConsumed = 2, kRoom = 3 };

inline constexpr std::uint16_t kFlagLast = 1;   // the body ends here; a message: the final one
inline constexpr std::uint16_t kFlagHead = 2;   // a message with status and headers
inline constexpr std::uint16_t kFlagError = 4;  // a message whose text is an error's

// Body bytes in one record at most; larger bodies are several.
inline constexpr std::size_t kChunkBytes = 32 * 1024;
// Status line's headers of an answer at most.
inline constexpr std::size_t kMaxHeadBytes = 64 * 1024;

// A request record: this, the five texts, the headers, then body bytes to the end.
struct RequestFixed {
  std::uint64_t arrival_ns = 0;
  std::uint64_t deadline_ns = 0;
  std::uint64_t credit = 0;
  std::array<std::uint8_t, 16> trace_id{};
  std::array<std::uint8_t, 8> span_id{};
  std::uint32_t method_size = 0;
  std::uint32_t path_size = 0;
  std::uint32_t query_size = 0;
  std::uint32_t request_id_size = 0;
  std::uint32_t n_headers = 0;
  std::uint32_t headers_size = 0;
};
static_assert(sizeof(RequestFixed) == 72);

// A message record: this, the headers, then body bytes or the error's text to the end.
struct MessageFixed {
  std::uint32_t status = 0;
  std::uint32_t n_headers = 0;
  std::uint32_t headers_size = 0;
  std::int32_t error_code = 0;
  std::uint32_t error_flags = 0;
  std::uint32_t reserved = 0;
  std::uint64_t input_tokens = 0;  // of this request so far; counts with the final message
  std::uint64_t output_tokens = 0;
};
static_assert(sizeof(MessageFixed) == 40);

// Headers lie one after another as {u32 name size, u32 value size, name, value}.
template <class Pairs, class NameOf, class ValueOf>
std::size_t headers_bytes(const Pairs& pairs, NameOf name_of, ValueOf value_of) {
  std::size_t bytes = 0;
  for (const auto& pair : pairs) bytes += 8 + name_of(pair).size() + value_of(pair).size();
  return bytes;
}

// Writes into memory whose size was computed before.
class Filler {
 public:
  explicit Filler(std::byte* at) : at_(at) {}
  template <class T>
  void value(const T& v) {
    bytes(&v, sizeof v);
  }
  void text(std::string_view s) { bytes(s.data(), s.size()); }
  void header(std::string_view name, std::string_view value_text) {
    value(static_cast<std::uint32_t>(name.size()));
    value(static_cast<std::uint32_t>(value_text.size()));
    text(name);
    text(value_text);
  }
  void bytes(const void* data, std::size_t size) {
    if (size != 0) std::memcpy(at_, data, size);
    at_ += size;
  }

 private:
  std::byte* at_;
};

// Takes from the front of foreign bytes; once something is missing it stays failed and gives empty
// values.
class Taker {
 public:
  explicit Taker(std::span<const std::byte> bytes) : left_(bytes) {}
  template <class T>
  T value() {
    T v{};
    const auto from = bytes(sizeof v);
    if (from.size() == sizeof v) std::memcpy(&v, from.data(), sizeof v);
    return v;
  }
  std::string_view text(std::size_t size) {
    const auto from = bytes(size);
    return {reinterpret_cast<const char*>(from.data()), from.size()};
  }
  std::span<const std::byte> bytes(std::size_t size) {
    if (size > left_.size()) {
      failed_ = true;
      left_ = {};
      return {};
    }
    const auto out = left_.first(size);
    left_ = left_.subspan(size);
    return out;
  }
  std::span<const std::byte> rest() const { return left_; }
  bool failed() const { return failed_; }

 private:
  std::span<const std::byte> left_;
  bool failed_ = false;
};

}  // namespace tenon::workers
