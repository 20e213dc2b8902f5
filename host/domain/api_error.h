#pragma once

#include <string_view>

#include "host/domain/error.h"

// What an error body of the host says: its code, the HTTP status and whether trying again may help.
namespace tenon {

struct ApiError {
  std::string_view code;  // static storage
  unsigned status;
  bool retryable;

  bool operator==(const ApiError&) const = default;
};

namespace api {

// The names of a request's target.
inline constexpr ApiError kRouteNotFound{"ROUTE_NOT_FOUND", 404, false};
inline constexpr ApiError kWorkspaceNotFound{"WORKSPACE_NOT_FOUND", 404, false};
inline constexpr ApiError kWorkloadNotFound{"WORKLOAD_NOT_FOUND", 404, false};
inline constexpr ApiError kMethodNotAllowed{"METHOD_NOT_ALLOWED", 405, false};

// The deployment exists, but …
inline constexpr ApiError kDeactivated{"WORKLOAD_DEACTIVATED", 409, false};
inline constexpr ApiError kQueueFull{"QUEUE_FULL", 429, true};
inline constexpr ApiError kWorkloadFailed{"WORKLOAD_FAILED", 502, false};   // its load failed
inline constexpr ApiError kUnavailable{"WORKLOAD_UNAVAILABLE", 503, true};  // not loaded in time

// Who asks.
inline constexpr ApiError kUnauthenticated{"AUTHENTICATION_REQUIRED", 401, false};
inline constexpr ApiError kBadCredentials{"AUTHENTICATION_FAILED", 401, false};
inline constexpr ApiError kForbidden{"FORBIDDEN", 403, false};
inline constexpr ApiError kRateLimit{"RATE_LIMITED", 429, true};
inline constexpr ApiError kTokenLimit{"TOKEN_LIMIT_REACHED", 429,
                                      true};  // a policy's budget is spent
inline constexpr ApiError kPolicyViolation{"POLICY_VIOLATION", 403, false};

// A change of resources.
inline constexpr ApiError kResourceNotFound{"RESOURCE_NOT_FOUND", 404, false};
inline constexpr ApiError kVersionConflict{"VERSION_CONFLICT", 409, true};
inline constexpr ApiError kManagedElsewhere{"MANAGED_ELSEWHERE", 409, false};
inline constexpr ApiError kInUse{"IN_USE", 409, false};
inline constexpr ApiError kUnprocessable{"UNPROCESSABLE", 422, false};
inline constexpr ApiError kUnsupportedType{"UNSUPPORTED_MEDIA_TYPE", 415, false};
inline constexpr ApiError kStoreFull{"STORE_FULL", 507, true};

// A replica had the request, and …
inline constexpr ApiError kReplicaDied{"REPLICA_DIED", 502, true};
inline constexpr ApiError kRequestKills{"REQUEST_ENDED_REPLICAS", 500,
                                        false};  // died twice with it
inline constexpr ApiError kInternal{"INTERNAL", 500, false};
inline constexpr ApiError kTimeout{"TIMEOUT", 504, true};

// The request itself.
inline constexpr ApiError kBadRequest{"BAD_REQUEST", 400, false};
inline constexpr ApiError kRequestTimeout{"REQUEST_TIMEOUT", 408, true};
inline constexpr ApiError kBodyTooLarge{"REQUEST_ENTITY_TOO_LARGE", 413, false};
inline constexpr ApiError kUriTooLong{"URI_TOO_LONG", 414, false};
inline constexpr ApiError kExpectation{"EXPECTATION_FAILED", 417, false};
inline constexpr ApiError kHeadTooLarge{"REQUEST_HEADERS_TOO_LARGE", 431, false};
inline constexpr ApiError kVersion{"HTTP_VERSION_NOT_SUPPORTED", 505, false};

// The host.
inline constexpr ApiError kConnectionLimit{"CONNECTION_LIMIT", 503, true};
inline constexpr ApiError kStopping{"HOST_STOPPING", 503, true};

}  // namespace api

// How an error that names no more than its kind is answered, as when a plugin ended a request with
// it.
ApiError api_error_of(Code);

}  // namespace tenon
