#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "host/workers/replica.h"

// Heads of answers, written by hand into a buffer that is used again and again.
namespace tenon::gateway {

// How the client learns where the body ends.
enum class Framing : std::uint8_t {
  kLength,  // Content-Length
  kChunked,
  kClose,  // with the connection: HTTP/1.0
  kNone,   // there is no body: 204, 304
};

// What the host itself says in each answer.
struct HostFields {
  std::string_view date;  // "Tue, 24 Nov 2026 15:00:00 GMT"
  std::string_view request_id;
  std::string_view cors_origin;  // empty: none
  std::uint64_t revision = 0;    // of the deployment, that answers; 0: none does
  bool close = false;            // the connection ends with this answer
  bool keep_alive = false;       // HTTP/1.0 asked for it
};

// What a plugin's head says, once it has been checked: it is foreign.
struct PluginHead {
  std::optional<std::uint64_t> content_length;
  bool answers_cors = false;
};

// A sentence when the head may not go to a client.
std::optional<std::string_view> check(unsigned status, std::span<const workers::HeaderView>,
                                      PluginHead&);

void append_status_line(std::string& out, unsigned status);
void append_header(std::string& out, std::string_view name, std::string_view value);
void append_number(std::string& out, std::uint64_t);
// A plugin's headers, without those that belong to the connection or to the host.
void append_plugin_headers(std::string& out, std::span<const workers::HeaderView>);
void append_framing(std::string& out, Framing, std::uint64_t length);
void append_host_fields(std::string& out, const HostFields&);
// "1f4\r\n"
void append_chunk_size(std::string& out, std::uint64_t size);

}  // namespace tenon::gateway
