#include "host/gateway/answer_head.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace tenon::gateway {
namespace {

std::string_view reason_phrase(unsigned status) {
  switch (status) {
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 206:
      return "Partial Content";
    case 301:
      return "Moved Permanently";
    case 302:
      return "Found";
    case 303:
      return "See Other";
    case 304:
      return "Not Modified";
    case 307:
      return "Temporary Redirect";
    case 308:
      return "Permanent Redirect";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 406:
      return "Not Acceptable";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 417:
      return "Expectation Failed";
    case 422:
      return "Unprocessable Content";
    case 424:
      return "Failed Dependency";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "";
  }
}

constexpr auto kTokenCharacters = [] {
  std::array<bool, 256> allowed{};
  for (unsigned c = 0; c < 256; ++c) {
    allowed[c] = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  }
  for (const char c : std::string_view("!#$%&'*+-.^_`|~"))
    allowed[static_cast<unsigned char>(c)] = true;
  return allowed;
}();

bool is_token(std::string_view name) {
  return !name.empty() && std::ranges::all_of(name, [](char c) {
    return kTokenCharacters[static_cast<unsigned char>(c)];
  });
}

bool is_field_value(std::string_view value) {
  return std::ranges::all_of(value, [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte >= ' ' && byte != 0x7f) || byte == '\t';
  });
}

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
}

bool is(std::string_view name, std::string_view lower_name) {
  return std::ranges::equal(name, lower_name, {}, lower);
}

// Headers that the host writes itself or that concern one connection only.
bool is_ours(std::string_view name) {
  static constexpr std::string_view kNames[] = {
      "connection",         "content-length",   "date",         "keep-alive",
      "proxy-authenticate", "proxy-connection", "te",           "trailer",
      "transfer-encoding",  "upgrade",          "x-request-id", "x-tenon-revision"};
  return std::ranges::any_of(kNames, [name](std::string_view ours) { return is(name, ours); });
}

}  // namespace

std::optional<std::string_view> check(unsigned status, std::span<const workers::HeaderView> headers,
                                      PluginHead& head) {
  head = {};
  if (status < 200 || status > 599) return "a status outside 200–599";
  for (const workers::HeaderView& header : headers) {
    if (!is_token(header.name)) return "a header name that is no token";
    if (!is_field_value(header.value)) return "a header value with a control character";
    if (is(header.name, "content-length")) {
      std::uint64_t length = 0;
      const char* end = header.value.data() + header.value.size();
      const auto [stop, ec] = std::from_chars(header.value.data(), end, length);
      if (ec != std::errc() || stop != end) return "a Content-Length that is no number";
      if (head.content_length && *head.content_length != length) {
        return "two different Content-Lengths";
      }
      head.content_length = length;
    } else if (is(header.name, "access-control-allow-origin")) {
      head.answers_cors = true;
    }
  }
  return std::nullopt;
}

void append_number(std::string& out, std::uint64_t number) {
  char digits[20];
  out.append(digits, std::to_chars(digits, digits + sizeof digits, number).ptr);
}

void append_status_line(std::string& out, unsigned status) {
  if (status == 200) {
    out.append("HTTP/1.1 200 OK\r\n");
    return;
  }
  out.append("HTTP/1.1 ");
  append_number(out, status);
  out.push_back(' ');
  out.append(reason_phrase(status));
  out.append("\r\n");
}

void append_header(std::string& out, std::string_view name, std::string_view value) {
  out.append(name);
  out.append(": ");
  out.append(value);
  out.append("\r\n");
}

void append_plugin_headers(std::string& out, std::span<const workers::HeaderView> headers) {
  for (const workers::HeaderView& header : headers) {
    if (!is_ours(header.name)) append_header(out, header.name, header.value);
  }
}

void append_framing(std::string& out, Framing framing, std::uint64_t length) {
  if (framing == Framing::kLength) {
    out.append("content-length: ");
    append_number(out, length);
    out.append("\r\n");
  } else if (framing == Framing::kChunked) {
    out.append("transfer-encoding: chunked\r\n");
  }
}

void append_host_fields(std::string& out, const HostFields& fields) {
  append_header(out, "date", fields.date);
  append_header(out, "x-request-id", fields.request_id);
  if (fields.revision != 0) {
    out.append("x-tenon-revision: ");
    append_number(out, fields.revision);
    out.append("\r\n");
  }
  if (!fields.cors_origin.empty()) {
    append_header(out, "access-control-allow-origin", fields.cors_origin);
    if (fields.cors_origin != "*") append_header(out, "vary", "origin");
  }
  if (fields.close) {
    out.append("connection: close\r\n");
  } else if (fields.keep_alive) {
    out.append("connection: keep-alive\r\n");
  }
  out.append("\r\n");
}

void append_chunk_size(std::string& out, std::uint64_t size) {
  char digits[16];
  out.append(digits, std::to_chars(digits, digits + sizeof digits, size, 16).ptr);
  out.append("\r\n");
}

}  // namespace tenon::gateway
