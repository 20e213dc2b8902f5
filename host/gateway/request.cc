// The part of a connection that serves one request: where it goes, and its body.

#include <algorithm>

#include "host/gateway/connection.h"
#include "host/telemetry/log.h"

namespace tenon::gateway {
namespace {

constexpr std::uint64_t kDownloadWindow = 262'144;  // body bytes of an answer on their way
constexpr std::uint64_t kWorthDiscarding = 1 << 20;

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

}  // namespace

// A head was read, or what came instead of one.
void Connection::begin_request(bool whole) {
  state_ = State::kServing;
  arrival_ = Loop::now();
  read_deadline_ = arrival_ + nanoseconds(loop_.shared().limits.io_timeout);
  body_sent_ = 0;
  unconsumed_ = discarded_ = length_left_ = ungranted_ = 0;
  status_ = 0;
  revision_ = 0;
  framing_ = Framing::kNone;
  trace_ = {};
  cors_origin_ = {};
  caller_.reset();
  body_paused_ = body_end_sent_ = submitted_ = streaming_ = discarding_ = false;
  answering_ = answered_ = passive_ = cut_ = false;
  if (!whole) {
    is_head_ = keep_alive_ = false;
    body_complete_ = true;
    loop_.ids().next(request_id_);
    if (parser_.fault().message.empty()) return;
    return answer_error(error_answer(parser_.fault().error, parser_.fault().message));
  }
  const char* in = in_.get();
  is_head_ = parser_.method(in) == "HEAD";
  keep_alive_ = parser_.keep_alive() && !loop_.shared().draining;
  body_complete_ = !parser_.chunked() && parser_.content_length().value_or(0) == 0;
  if (body_complete_) read_deadline_ = 0;  // nothing more is waited for from the client
  read_fields();
  route_.read(parser_.target(in));
  routed_in_ = in;
  switch (route_.kind) {
    case Route::Kind::kHost:
      return serve_host_path();
    case Route::Kind::kModel:
      return serve_model();
    case Route::Kind::kStar:
      if (parser_.method(in) == "OPTIONS") return answer_text(204, {}, {});
      return answer_error(error_answer(api::kBadRequest, "the target \"*\" is for OPTIONS only"));
    case Route::Kind::kUnknown:
      return answer_error(
          error_answer(api::kRouteNotFound,
                       "there is no such path here; models answer at /{workspace}/models/{model}"));
    case Route::Kind::kBad:
      return answer_error(error_answer(api::kBadRequest, route_.problem));
  }
}

void Connection::read_fields() {
  const char* in = in_.get();
  std::string_view given_id;
  for (const RequestParser::Field& field : parser_.fields()) {
    const std::string_view value = field.value.in(in);
    if (field.meaning == RequestParser::Meaning::kRequestId) {
      given_id = value;
    } else if (field.meaning == RequestParser::Meaning::kTraceParent) {
      trace_ = parse_traceparent(value);
    } else if (field.meaning == RequestParser::Meaning::kOrigin) {
      for (const std::string& origin : loop_.shared().cors_origins) {
        if (origin == "*" || origin == value) cors_origin_ = origin;
      }
    }
  }
  if (is_sane_request_id(given_id)) {
    request_id_.assign(given_id);
  } else {
    loop_.ids().next(request_id_);
  }
}

void Connection::serve_host_path() {
  if (!admit_to_host_path()) return;
  const auto answer = loop_.shared().control.answer(parser_.method(in_.get()), route_.path);
  if (!answer) return grant_continue();  // it is served once its body is here
  if (!answer->error) return answer_text(answer->status, answer->content_type, answer->body);
  ErrorAnswer error = error_answer(*answer->error, answer->message);
  error.allow = answer->allow;
  answer_error(error);
}

void Connection::serve_model() {
  const std::string_view method = parser_.method(in_.get());
  if (!admit_web(access::Target::kModel)) return;
  if (method == "OPTIONS" && !loop_.shared().cors_origins.empty()) {
    if (const auto wanted = field("access-control-request-method"); !wanted.empty()) {
      return answer_preflight(wanted);
    }
  }
  if (!admit_to_model()) return;
  lifecycle::Dispatcher& dispatcher = loop_.shared().dispatcher;
  target_ = dispatcher.find(route_.workspace, route_.model, route_.environment);
  if (!target_) {
    return answer_error(error_answer(
        dispatcher.explain_missing(route_.workspace, route_.model, route_.environment)));
  }
  passive_ = (method == "GET" || is_head_) && target_->plugin().is_passive(route_.path);
  grant_continue();
}

void Connection::grant_continue() {
  if (parser_.expects_continue() && !body_complete_ && position_ == end_ && parser_.is_http_1_1()) {
    send("HTTP/1.1 100 Continue\r\n\r\n");
  }
}

std::string_view Connection::field(std::string_view name) const {
  for (const RequestParser::Field& each : parser_.fields()) {
    if (each.name.in(in_.get()) == name) return each.value.in(in_.get());
  }
  return {};
}

void Connection::answer_preflight(std::string_view method) {
  std::string headers;
  if (!cors_origin_.empty()) {
    append_header(headers, "access-control-allow-methods", method);
    if (const auto wanted = field("access-control-request-headers"); !wanted.empty()) {
      append_header(headers, "access-control-allow-headers", wanted);
    }
    append_header(headers, "access-control-max-age", "600");
  }
  answer_text(204, {}, {}, headers);
}

// A short body is waited for, so that slow clients do not hold a replica; a long one is not.
bool Connection::dispatch_is_due(RequestParser::Step step) const {
  return step == RequestParser::Step::kDone || step == RequestParser::Step::kPaused ||
         parser_.chunked() || parser_.content_length().value_or(0) > workers::kUploadWindow;
}

void Connection::dispatch() {
  if (!target_) {
    answer_deadline_ = ~0ULL;  // a stream of changes may be silent for hours
    flight_ = loop_.shared().control.serve(*this, std::move(*std::exchange(caller_, nullptr)));
    return;
  }
  lifecycle::Dispatcher& dispatcher = loop_.shared().dispatcher;
  // In the queue the life cycle bounds the wait; from then on a byte must come now and then.
  expect_answer(Loop::now() + nanoseconds(target_->spec().limits.max_wait));
  flight_ = passive_ ? dispatcher.ask(target_, *this) : dispatcher.dispatch(target_, *this);
}

workers::RequestView Connection::view() {
  const char* in = in_.get();
  if (routed_in_ != in) {
    route_.read(parser_.target(in));
    routed_in_ = in;
  }
  views_.clear();
  for (const RequestParser::Field& each : parser_.fields()) {
    if (!passes_on(each.meaning)) continue;
    views_.push_back({each.name.in(in), each.value.in(in)});
  }
  submitted_ = false;
  body_sent_ = unconsumed_ = body_.size();
  body_end_sent_ = body_complete_;
  workers::RequestView view;
  view.method = parser_.method(in);
  view.path = route_.path;
  view.query = route_.query;
  view.request_id = request_id_;
  view.headers = views_;
  view.body = bytes_of(body_);
  view.body_complete = body_complete_;
  view.credit = kDownloadWindow;
  view.arrival_ns = arrival_;
  view.trace_id = trace_.trace_id;
  view.span_id = trace_.span_id;
  return view;
}

// What a plugin, or the control API, sees of the request's head.
bool Connection::passes_on(RequestParser::Meaning meaning) const {
  using Meaning = RequestParser::Meaning;
  if (meaning == Meaning::kWorkspace) return !target_;
  return meaning != Meaning::kHidden && meaning != Meaning::kCredential;
}

void Connection::on_submitted() {
  submitted_ = true;
  on_room();
}

bool Connection::can_restart() const {
  return !streaming_ && !answering_;
}

void Connection::expect_answer(std::uint64_t from) {
  if (!target_) return;
  answer_deadline_ = from + nanoseconds(target_->spec().limits.answer_timeout);
}

void Connection::on_consumed(std::uint64_t bytes) {
  expect_answer(Loop::now());
  unconsumed_ -= std::min(unconsumed_, bytes);
  if (!body_end_sent_) on_room();
}

void Connection::on_room() {
  if (state_ != State::kServing || answered_) return;
  push_body();
  if (body_paused_) process();
}

// The parser's: a piece of the request's body.
std::size_t Connection::take(std::string_view piece) {
  if (discarding_) {
    discarded_ += piece.size();
    return piece.size();
  }
  if (streaming_) return stream(piece);
  const std::size_t kept =
      std::min<std::size_t>(piece.size(), workers::kUploadWindow - body_.size());
  body_.append(piece.substr(0, kept));
  if (kept == piece.size() || !flight_) return kept;
  push_body();
  if (!submitted_ || body_sent_ < body_.size()) return kept;
  // More than may be kept, and the replica has all of it so far: from here on it goes through.
  streaming_ = true;
  body_ = {};
  return kept + stream(piece.substr(kept));
}

std::size_t Connection::stream(std::string_view piece) {
  const std::size_t size =
      std::min<std::size_t>(piece.size(), workers::kUploadWindow - unconsumed_);
  if (size == 0 || !flight_->send_body(bytes_of(piece.substr(0, size)), false)) return 0;
  unconsumed_ += size;
  return size;
}

// Sends on what is kept of the body, and its end.
void Connection::push_body() {
  if (!flight_ || !submitted_ || body_end_sent_) return;
  while (!streaming_ && body_sent_ < body_.size()) {
    const std::string_view rest = std::string_view(body_).substr(body_sent_);
    const std::size_t size =
        std::min<std::size_t>(rest.size(), workers::kUploadWindow - unconsumed_);
    const bool last = body_complete_ && size == rest.size();
    if (size == 0 || !flight_->send_body(bytes_of(rest.substr(0, size)), last)) return;
    unconsumed_ += size;
    body_sent_ += size;
    body_end_sent_ = last;
  }
  if (body_complete_ && !body_end_sent_) body_end_sent_ = flight_->send_body({}, true);
}

void Connection::bad_body(bool malformed) {
  if (malformed) return give_up(parser_.fault().error, parser_.fault().message);
  give_up(api::kBadRequest, "a chunk's size line or the trailers are too long");
}

// The request ends here: its body will never be whole, or its answer never come.
void Connection::give_up(const ApiError& error, std::string_view message) {
  body_complete_ = true;  // nothing more is read of it
  body_paused_ = false;
  keep_alive_ = false;
  read_deadline_ = 0;
  abandon();
  if (answering_) {
    if (!answered_) cut(message);
    return;
  }
  answer_error(error_answer(error, message));
  if (!processing_) process();
}

void Connection::abandon() {
  if (const auto flight = std::exchange(flight_, nullptr)) flight->abandon();
}

// The answer comes before the whole body: what is left of a small one is read and thrown away, a
// large one is not waited for.
void Connection::discard_rest() {
  if (body_complete_) return;
  discarding_ = true;
  body_paused_ = false;
  const bool waits_for_leave = parser_.expects_continue() && position_ == end_ && !flight_;
  if (waits_for_leave || parser_.content_length().value_or(0) > kWorthDiscarding) {
    keep_alive_ = false;
  }
}

}  // namespace tenon::gateway
