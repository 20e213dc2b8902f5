#pragma once

#include <chrono>
#include <string>

#include "host/domain/error.h"

namespace tenon::cli {

struct HttpAsk {
  std::string base;  // "http://HOST:PORT", or "unix:PATH" of a host's control socket
  std::string method = "GET";
  std::string path = {};
  std::string body = {};  // JSON
  std::string key = {};   // an API key; "": none
  std::chrono::seconds timeout{10};
};

struct HttpReply {
  unsigned status = 0;
  std::string body;
};

// Any answer; an error, which names the base, when there is none.
Result<HttpReply> http_send(const HttpAsk&);

// The body of a 200 answer to GET base + path, asked for with the key of TENON_API_KEY.
Result<std::string> http_get(const std::string& base, const std::string& path,
                             std::chrono::seconds timeout);

// The key in TENON_API_KEY; "" without one.
std::string key_of_environment();

// Why an answer is no success, in the host's own words where it says any.
std::string reason_of(const HttpReply&);

}  // namespace tenon::cli
