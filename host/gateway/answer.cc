// The part of a connection that answers: heads, framing, back-pressure.

#include <chrono>

#include "host/gateway/connection.h"
#include "host/telemetry/log.h"

namespace tenon::gateway {
namespace {

constexpr std::string_view kLastChunk = "0\r\n\r\n";

std::string_view text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// How a plugin's own refusal is answered: with its sentence, under the kind's status.
ErrorAnswer plugin_error(const workers::Failure& failure) {
  if (failure.kind == workers::Failure::Kind::kDied) {
    return error_answer(api::kReplicaDied, failure.error.message);
  }
  if (failure.kind == workers::Failure::Kind::kProtocol) {
    return error_answer({"BAD_ANSWER", 502, false}, failure.error.message);
  }
  ErrorAnswer answer = error_answer(api_error_of(failure.error.code), failure.error.message);
  answer.retryable = answer.retryable || failure.error.retryable;
  answer.origin = Origin::kPlugin;
  return answer;
}

}  // namespace

void Connection::on_response(const workers::ResponseMessage& message) {
  if (state_ != State::kServing || answered_) return;
  if (!answering_ && flight_) revision_ = flight_->revision();
  if (message.final) flight_.reset();
  if (message.failure) {
    if (answering_) {
      cut(message.failure->error.message);
    } else {
      answer_error(plugin_error(*message.failure));
    }
  } else {
    send_message(message);
  }
  if (answered_) process();
}

void Connection::on_refused(const lifecycle::Refusal& refusal) {
  if (state_ != State::kServing || answered_) return;
  flight_.reset();
  answer_error(error_answer(refusal));
  process();
}

void Connection::send_message(const workers::ResponseMessage& message) {
  std::string& head = loop_.scratch();
  head.clear();
  if (!answering_ && !begin_answer(message, head)) return;
  std::string_view body = text_of(message.body);
  const bool silent = is_head_ || framing_ == Framing::kNone;
  if (silent) body = {};
  bool whole = true;
  if (framing_ == Framing::kLength && !silent) {
    whole = body.size() <= length_left_;
    body = body.substr(0, length_left_);
    length_left_ -= body.size();
    if (message.final && length_left_ != 0) whole = false;
  }
  std::string_view tail;
  if (framing_ == Framing::kChunked && !silent) {
    if (!body.empty()) {
      append_chunk_size(head, body.size());
      tail = message.final ? "\r\n0\r\n\r\n" : "\r\n";
    } else if (message.final) {
      tail = kLastChunk;
    }
  }
  if (!message.final) ungranted_ += message.body.size();
  send(head, body, tail);
  if (state_ == State::kClosed) return;
  if (!whole) return cut("the plugin's body is not as long as its Content-Length says");
  if (message.final) {
    answer_done();
  } else {
    give_credit();
  }
}

// Writes the head of a plugin's answer; false when another answer was given instead.
bool Connection::begin_answer(const workers::ResponseMessage& message, std::string& head) {
  PluginHead plugin;
  if (const auto problem = check(message.status, message.headers, plugin)) {
    log::warn("plugin sent a bad head",
              {{"requestId", request_id_}, {"deployment", served()}, {"found", *problem}});
    abandon();
    answer_error(
        error_answer({"BAD_ANSWER", 502, false},
                     "the plugin's answer cannot be passed on: it has " + std::string(*problem)));
    return false;
  }
  answering_ = true;
  status_ = message.status;
  std::uint64_t length = message.body.size();
  if (status_ == 204 || status_ == 304) {
    framing_ = Framing::kNone;
  } else if (message.final || plugin.content_length) {
    framing_ = Framing::kLength;
    if (plugin.content_length && (!message.final || (is_head_ && length == 0))) {
      length = *plugin.content_length;
    }
    length_left_ = length;
  } else if (parser_.is_http_1_1()) {
    framing_ = Framing::kChunked;
  } else {
    framing_ = Framing::kClose;
    keep_alive_ = false;
  }
  if (message.final) discard_rest();
  append_status_line(head, status_);
  append_plugin_headers(head, message.headers);
  append_framing(head, framing_, length);
  append_host_fields(head, host_fields(plugin.answers_cors));
  return true;
}

HostFields Connection::host_fields(bool plugin_answers_cors) {
  HostFields fields;
  fields.date = loop_.date();
  fields.request_id = request_id_;
  if (!plugin_answers_cors) fields.cors_origin = cors_origin_;
  fields.revision = revision_;
  fields.close = !keep_alive_;
  fields.keep_alive = keep_alive_ && !parser_.is_http_1_1();
  return fields;
}

void Connection::answer_error(const ErrorAnswer& error) {
  std::string headers;
  if (error.retry_after != 0)
    append_header(headers, "retry-after", std::to_string(error.retry_after));
  if (!error.allow.empty()) append_header(headers, "allow", error.allow);
  if (error.status == 401) append_header(headers, "www-authenticate", "Bearer");
  if (log::enabled(error.status >= 500 ? LogLevel::kWarn : LogLevel::kInfo)) {
    log::write(error.status >= 500 ? LogLevel::kWarn : LogLevel::kInfo, "request refused",
               {{"requestId", request_id_},
                {"deployment", served()},
                {"status", error.status},
                {"code", error.code},
                {"message", error.message}});
  }
  answer_text(error.status, "application/json",
              error_body(error, request_id_, std::chrono::system_clock::now()), headers);
}

// An answer of the host itself.
void Connection::answer_text(unsigned status, std::string_view content_type, std::string_view body,
                             std::string_view more_headers) {
  discard_rest();
  answering_ = true;
  status_ = status;
  framing_ = status == 204 ? Framing::kNone : Framing::kLength;
  std::string& head = loop_.scratch();
  head.clear();
  append_status_line(head, status);
  if (!content_type.empty()) append_header(head, "content-type", content_type);
  head.append(more_headers);
  append_framing(head, framing_, body.size());
  append_host_fields(head, host_fields(false));
  send(head, is_head_ ? std::string_view() : body);
  if (state_ != State::kClosed) answer_done();
}

std::string Connection::served() const {
  return target_ ? to_string(target_->spec().key) : std::string();
}

// What was begun cannot be finished: the connection ends so that the client sees it.
void Connection::cut(std::string_view why) {
  log::warn("answer cut", {{"requestId", request_id_}, {"deployment", served()}, {"why", why}});
  abandon();
  cut_ = true;
  keep_alive_ = false;
  answer_done();
  if (!processing_) process();
}

void Connection::answer_done() {
  if (answered_) return;
  answered_ = true;
  discard_rest();
  record();
}

void Connection::record() {
  if (!target_) return;
  const std::chrono::nanoseconds took(Loop::now() - arrival_);
  telemetry::DeploymentMetrics& metrics = loop_.metrics_of(target_);
  metrics.request(status_, took);
  if (!log::enabled(LogLevel::kDebug) && status_ < 500 && status_ != kClientGone) return;
  const double milliseconds = static_cast<double>(took.count()) / 1e6;
  const auto level = status_ >= 500 ? LogLevel::kWarn
                                    : (status_ == kClientGone ? LogLevel::kInfo : LogLevel::kDebug);
  if (!log::enabled(level)) return;
  log::write(level, status_ == kClientGone ? "client gone" : "request",
             {{"requestId", request_id_},
              {"deployment", to_string(target_->spec().key)},
              {"status", status_},
              {"milliseconds", milliseconds}});
}

void Connection::send(std::string_view a, std::string_view b, std::string_view c) {
  if (state_ == State::kClosed) return;
  std::size_t sent = 0;
  if (out_.empty()) {
    iovec parts[3];
    std::size_t count = 0;
    for (const std::string_view part : {a, b, c}) {
      if (!part.empty()) parts[count++] = {const_cast<char*>(part.data()), part.size()};
    }
    if (count == 0) return;
    const auto written = write_some(std::span(parts, count));
    if (!written) return close();
    sent = *written;
    if (sent == a.size() + b.size() + c.size()) return;
  }
  for (const std::string_view part : {a, b, c}) {
    const std::size_t skipped = std::min(sent, part.size());
    out_.append(part.substr(skipped));
    sent -= skipped;
  }
  wait_to_write();
}

void Connection::wait_to_write() {
  if (waiting_to_write_) return;
  waiting_to_write_ = true;
  write_deadline_ = Loop::now() + nanoseconds(loop_.shared().limits.io_timeout);
  socket_.async_wait(Socket::wait_write,
                     [this](const boost::system::error_code&) { on_writable(); });
}

void Connection::on_writable() {
  waiting_to_write_ = false;
  if (state_ == State::kClosed) return delete_when_free();
  iovec rest{out_.data() + out_sent_, out_.size() - out_sent_};
  const auto written = write_some(std::span(&rest, 1));
  if (!written) return close();
  out_sent_ += *written;
  if (out_sent_ < out_.size()) return wait_to_write();
  out_ = {};
  out_sent_ = 0;
  write_deadline_ = 0;
  give_credit();
  if (answered_) process();
}

// The plugin may send more only when the client has taken what there was.
void Connection::give_credit() {
  if (!flight_ || !out_.empty() || ungranted_ == 0) return;
  expect_answer(Loop::now());
  flight_->grant(std::exchange(ungranted_, 0));
}

}  // namespace tenon::gateway
