#pragma once

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <string>
#include <string_view>

#include "tests/host/gateway/gateway_fixture.h"

namespace tenon::testing {

class ExchangeTest : public GatewayTest {
 protected:
  ExchangeTest() { dispatcher_.add("echo", {}); }
};

inline std::string error_code(const HttpAnswer& answer) {
  return std::string(boost::json::parse(answer.body).at("error").at("code").as_string());
}

// Bytes that tell where a piece of them was lost.
inline std::string numbered(std::size_t size) {
  std::string bytes;
  bytes.reserve(size + 16);
  for (std::size_t i = 0; bytes.size() < size; ++i) bytes += std::to_string(i) + ",";
  bytes.resize(size);
  return bytes;
}

inline std::string chunked(std::string_view body, std::size_t piece) {
  std::string out;
  for (std::size_t at = 0; at < body.size(); at += piece) {
    const std::string_view part = body.substr(at, piece);
    char size[32];
    std::snprintf(size, sizeof size, "%zx\r\n", part.size());
    out += size + std::string(part) + "\r\n";
  }
  return out + "0\r\n\r\n";
}

}  // namespace tenon::testing
