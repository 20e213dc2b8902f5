// Failures, results and the small bridges between C++ values and the structs of tenon/plugin.h.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "tenon/plugin.h"

namespace tenon::sdk {

// Why something did not work: a code and a sentence that says what was found and what was expected.
struct Failure {
  tenon_code code = TENON_INTERNAL;
  std::string message;
  std::uint32_t flags = 0;  // TENON_ERROR_…
};

inline Failure fail(tenon_code code, std::string message, std::uint32_t flags = 0) {
  return Failure{code, std::move(message), flags};
}

// A value or a Failure. Like std::expected, which C++20 lacks: test it, then read the one or the
// other.
template <class T = void>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Failure failure) : state_(std::in_place_index<1>, std::move(failure)) {}
  // A unique_ptr<Derived> where a unique_ptr<Base> is wanted, and the like.
  template <class U>
    requires(std::is_convertible_v<U &&, T> && !std::is_same_v<std::decay_t<U>, T> &&
             !std::is_same_v<std::decay_t<U>, Failure> && !std::is_same_v<std::decay_t<U>, Result>)
  Result(U&& value) : state_(std::in_place_index<0>, std::forward<U>(value)) {}

  explicit operator bool() const { return state_.index() == 0; }
  // Only when it holds a value.
  T& operator*() & { return *std::get_if<0>(&state_); }
  const T& operator*() const& { return *std::get_if<0>(&state_); }
  T&& operator*() && { return std::move(*std::get_if<0>(&state_)); }
  T* operator->() { return std::get_if<0>(&state_); }
  const T* operator->() const { return std::get_if<0>(&state_); }
  // Only when it holds none.
  Failure& failure() { return *std::get_if<1>(&state_); }
  const Failure& failure() const { return *std::get_if<1>(&state_); }

 private:
  std::variant<T, Failure> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Failure failure) : failure_(std::move(failure)) {}
  explicit operator bool() const { return !failure_; }
  Failure& failure() { return *failure_; }
  const Failure& failure() const { return *failure_; }

 private:
  std::optional<Failure> failure_;
};

inline std::string_view view(tenon_str s) {
  return {s.data, static_cast<std::size_t>(s.size)};
}
constexpr tenon_str str(std::string_view s) {
  return {s.data(), s.size()};
}

// ---- what probe(), estimate(), prepare() and load() get and give ----

// How well a plugin serves a folder: 0 (not at all) … 100 (made for it), and why.
struct Probe {
  std::uint32_t score = 0;
  std::string reason;
};

struct Estimate {
  std::uint64_t host_bytes = 0;    // private memory after load, with the largest batch
  std::uint64_t mapped_bytes = 0;  // file pages that should stay in the page cache
  std::uint64_t device_bytes = 0;  // on each device of the lease
  std::uint32_t threads = 0;       // useful at most; 0: as many as there are
};

struct Model {
  std::string path;  // absolute folder
  std::string name;
  std::vector<std::pair<std::string, std::string>> options;
};

struct Device {
  int ordinal = 0;
  std::string uuid;
  std::string flavor;
  std::uint64_t memory_bytes = 0;
};

struct Lease {
  unsigned threads = 1;
  std::uint64_t memory_bytes = 0;  // 0: not limited
  std::string flavor;
  std::string cpus;
  std::vector<Device> devices;
};

namespace detail {

// The size that a peer's struct begins with, read alone: the object may end before a T does.
inline std::uint32_t size_of(const void* theirs) {
  std::uint32_t size;
  std::memcpy(&size, theirs, sizeof size);
  return size;
}

// Reads a peer's struct of any minor version: what the peer does not have stays zero.
template <class T>
T adopt(const T* theirs) {
  T mine{};
  const std::size_t size = std::min<std::size_t>(size_of(theirs), sizeof(T));
  std::memcpy(static_cast<void*>(&mine), static_cast<const void*>(theirs), size);
  mine.struct_size = sizeof(T);
  return mine;
}

// Fills a peer's struct of any minor version: what the peer does not have is left out.
template <class T>
void hand_out(const T& mine, T* theirs) {
  const std::uint32_t size = size_of(theirs);
  auto* out = reinterpret_cast<unsigned char*>(theirs);
  std::memcpy(out, static_cast<const void*>(&mine), std::min<std::size_t>(size, sizeof(T)));
  std::memcpy(out, &size, sizeof size);
}

// Copies text into a fixed field, cut between two UTF-8 characters; returns the length.
template <std::size_t N>
std::uint32_t put_text(char (&field)[N], std::string_view text) {
  std::size_t size = std::min(text.size(), N);
  if (size < text.size()) {
    while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xC0) == 0x80) --size;
  }
  std::memcpy(field, text.data(), size);
  return static_cast<std::uint32_t>(size);
}

inline tenon_error to_error(const Failure& failure) {
  tenon_error error{};
  error.struct_size = sizeof error;
  error.code = failure.code;
  error.flags = failure.flags;
  error.message_size = put_text(error.message, failure.message);
  return error;
}

inline Model to_model(const tenon_model_source* theirs) {
  const tenon_model_source source = adopt(theirs);
  Model model{std::string(view(source.path)), std::string(view(source.name)), {}};
  for (std::uint32_t i = 0; i < source.n_options; ++i) {
    const tenon_pair& option = source.options[i];
    model.options.emplace_back(view(option.name), view(option.value));
  }
  return model;
}

inline Lease to_lease(const tenon_lease* theirs) {
  const tenon_lease from = adopt(theirs);
  Lease lease{from.threads,
              from.memory_bytes,
              std::string(view(from.flavor)),
              std::string(view(from.cpus)),
              {}};
  const auto* bytes = reinterpret_cast<const char*>(from.devices);
  for (std::uint32_t i = 0; i < from.n_devices; ++i) {
    const auto* at = reinterpret_cast<const tenon_device*>(bytes + i * from.device_stride);
    const tenon_device device = adopt(at);
    lease.devices.push_back({device.ordinal, std::string(view(device.uuid)),
                             std::string(view(device.flavor)), device.memory_bytes});
  }
  return lease;
}

}  // namespace detail
}  // namespace tenon::sdk
