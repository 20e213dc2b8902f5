#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "host/domain/api_error.h"
#include "host/lifecycle/dispatcher.h"

namespace tenon::gateway {

enum class Origin : bool { kPlatform, kPlugin };

// An answer that says why there is no other.
struct ErrorAnswer {
  std::string_view code;  // static storage
  std::string_view message;
  unsigned status = 500;
  bool retryable = false;
  unsigned retry_after = 0;  // seconds; 0: no header
  double load_done = -1;
  std::string_view load_stage;
  Origin origin = Origin::kPlatform;
  std::string_view allow;  // of 405; empty: no header
};

ErrorAnswer error_answer(const ApiError&, std::string_view message);
ErrorAnswer error_answer(const lifecycle::Refusal&);

// {"error":{…}}; whatever the message holds, it is valid JSON in UTF-8.
std::string error_body(const ErrorAnswer&, std::string_view request_id,
                       std::chrono::system_clock::time_point now);

}  // namespace tenon::gateway
