#include "host/control/api.h"

#include "host/control/models_json.h"

namespace tenon::control {

void Api::handle(const Request& request, Reply& reply) const {
  if (request.path != "/v0/models") {
    return reply.refuse(refusal(api::kRouteNotFound, "there is no such path; known is /v0/models"));
  }
  if (request.method != "GET" && request.method != "HEAD") {
    return reply.refuse(refusal(api::kMethodNotAllowed, "this path only answers GET and HEAD"));
  }
  reply.whole(200, "application/json", models_json(dispatcher_.status()));
}

}  // namespace tenon::control
