#include "host/access/open_mode.h"

#include <arpa/inet.h>

#include <algorithm>

namespace tenon::access {
namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
  return out;
}

// "localhost:8080", "[::1]", "127.0.0.1:80"
bool is_loopback_authority(std::string_view authority) {
  std::string name = lower(authority);
  if (name.starts_with('[')) {
    const std::size_t end = name.find(']');
    return end != name.npos && is_loopback_address(name.substr(1, end - 1));
  }
  name = name.substr(0, name.find(':'));
  return name == "localhost" || name.ends_with(".localhost") || is_loopback_address(name);
}

bool is_allowed_origin(const WebFields& fields, Target target,
                       std::span<const std::string> cors_origins) {
  const std::string origin = lower(fields.origin), host = lower(fields.host);
  if (origin == "http://" + host || origin == "https://" + host) return true;
  return std::ranges::any_of(cors_origins, [&](const std::string& each) {
    return each == fields.origin || (each == "*" && target == Target::kModel);
  });
}

}  // namespace

bool is_loopback_address(const std::string& ip) {
  in_addr v4{};
  if (::inet_pton(AF_INET, ip.c_str(), &v4) == 1) return ntohl(v4.s_addr) >> 24 == 127;
  in6_addr v6{};
  return ::inet_pton(AF_INET6, ip.c_str(), &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

std::optional<Denial> check_open(const WebFields& fields, Target target,
                                 std::span<const std::string> cors_origins) {
  if (!fields.host.empty() && !is_loopback_authority(fields.host)) {
    return Denial{api::kForbidden,
                  "the request is for the host '" + std::string(fields.host) +
                      "': while there are no API keys only localhost, 127.0.0.1 and [::1] are "
                      "answered, so that no web page can reach in under a name of its own"};
  }
  if (!fields.origin.empty() && !is_allowed_origin(fields, target, cors_origins)) {
    return Denial{api::kForbidden,
                  "a web page of '" + std::string(fields.origin) +
                      "' asks: while there are no API keys only origins listed in [host] "
                      "corsOrigins may (for the API \"*\" does not do)"};
  }
  const bool writes =
      target == Target::kControl && fields.method != "GET" && fields.method != "HEAD";
  if (writes && (fields.has_body || !fields.content_type.empty())) {
    const std::string type = lower(fields.content_type.substr(0, fields.content_type.find(';')));
    if (type != "application/json") {
      return Denial{api::kUnsupportedType,
                    "while there are no API keys a write must have content-type: application/json "
                    "(a web page cannot send that without asking); found '" +
                        std::string(fields.content_type) + "'"};
    }
  }
  return std::nullopt;
}

}  // namespace tenon::access
