#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "host/access/denial.h"

namespace tenon::access {

// An IP address of the machine to itself.
bool is_loopback_address(const std::string& ip);

// The fields by which a web page betrays itself.
struct WebFields {
  std::string_view method;
  std::string_view host;    // "" when absent, as HTTP/1.0 may
  std::string_view origin;  // "" when absent
  std::string_view content_type;
  bool has_body = false;
};

enum class Target : bool { kModel, kControl };

// A host without keys serves whoever reaches its loopback addresses. A browser does, for any page
// that its user opens; this refuses what such pages can send: requests under another name than the
// loopback's (DNS rebinding), with an origin that is neither the host itself nor in corsOrigins,
// and writes to the control API in the content types that a page may use without asking first.
std::optional<Denial> check_open(const WebFields&, Target,
                                 std::span<const std::string> cors_origins);

}  // namespace tenon::access
