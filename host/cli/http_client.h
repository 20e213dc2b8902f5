#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "host/domain/error.h"

namespace tenon::cli {

// Whom an https:// host must be vouched for by.
struct Trust {
  std::string ca_file = {};  // certificates in PEM; "": those of the system
  bool insecure = false;     // anybody: whoever is in between can read and change all
};

struct HttpAsk {
  // "http://HOST:PORT", "https://HOST:PORT", or "unix:PATH" of a host's control socket
  std::string base;
  std::string method = "GET";
  std::string path = {};
  std::string body = {};
  std::string key = {};              // an API key; "": none
  std::chrono::seconds timeout{10};  // without a byte from the host
  // In lower case; they replace the ones that are sent anyway.
  std::vector<std::pair<std::string, std::string>> headers = {};
  Trust trust = {};
};

struct HttpReply {
  unsigned status = 0;
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers = {};  // names as they were sent
};

// Any answer; an error, which names the base, when there is none.
Result<HttpReply> http_send(const HttpAsk&);

// The same, its body given to `take` as it comes and left empty in what is returned. `take` gets
// status and headers with every piece, and runs on this thread.
using TakePiece = std::function<void(const HttpReply& head, std::string_view piece)>;
Result<HttpReply> http_stream(const HttpAsk&, const TakePiece&);

// The base of a host that no option names: that in TENON_API, else port 8080 of this machine.
std::string usual_host();

// The file in TENON_CA_FILE; "" without one.
std::string ca_file_of_environment();

// The key in TENON_API_KEY; "" without one.
std::string key_of_environment();

}  // namespace tenon::cli
