#include "host/domain/api_error.h"

namespace tenon {

ApiError api_error_of(Code code) {
  switch (code) {
    case Code::kInvalid:
      return api::kBadRequest;
    case Code::kNotFound:
      return {"NOT_FOUND", 404, false};
    case Code::kPrecondition:
      return {"PRECONDITION_FAILED", 409, false};
    case Code::kExhausted:
      return {"RESOURCE_EXHAUSTED", 429, true};
    case Code::kUnavailable:
      return api::kUnavailable;
    case Code::kDeadline:
      return api::kTimeout;
    case Code::kCancelled:
      return {"CANCELLED", 499, false};
    case Code::kUnimplemented:
      return {"NOT_IMPLEMENTED", 501, false};
    case Code::kInternal:
      break;
  }
  return api::kInternal;
}

}  // namespace tenon
