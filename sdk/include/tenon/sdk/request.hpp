// A request and its answer, as a plugin sees them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "tenon/plugin.h"
#include "tenon/sdk/exchange.hpp"
#include "tenon/sdk/values.hpp"

namespace tenon::sdk {

// A header of an answer. Borrowed, like a string_view.
struct Header : tenon_pair {
  Header(std::string_view key, std::string_view text) : tenon_pair{str(key), str(text)} {}
};
static_assert(sizeof(Header) == sizeof(tenon_pair));

// What the client asked. Copies share the same request; its strings and its body live as long as
// one of them. [any]
class Request {
 public:
  explicit Request(std::shared_ptr<detail::Exchange> exchange) : exchange_(std::move(exchange)) {}

  tenon_request_id id() const { return head().id; }
  std::string_view method() const { return view(head().method); }
  std::string_view path() const { return view(head().path); }  // percent-encoded
  std::string_view query() const { return view(head().query); }
  std::string_view request_id() const { return view(head().request_id); }
  std::span<const tenon_pair> headers() const { return {head().headers, head().n_headers}; }
  // The first header of this lower-case name.
  std::optional<std::string_view> header(std::string_view name) const {
    for (const tenon_pair& pair : headers()) {
      if (view(pair.name) == name) return view(pair.value);
    }
    return std::nullopt;
  }
  // The first value of a query parameter, decoded.
  std::optional<std::string> parameter(std::string_view name) const {
    return detail::find_parameter(query(), name);
  }
  std::string_view body() const { return exchange_->body(); }

  std::uint64_t arrival_ns() const { return head().arrival_ns; }
  std::uint64_t deadline_ns() const { return head().deadline_ns; }  // 0: none
  std::span<const std::uint8_t, 16> trace_id() const {
    return std::span<const std::uint8_t, 16>(head().trace_id);
  }
  std::span<const std::uint8_t, 8> span_id() const {
    return std::span<const std::uint8_t, 8>(head().span_id);
  }
  // True once the client is gone or the time is up.
  bool cancelled() const { return exchange_->cancelled(); }

  // For instances with kStreamsBodies, during handle(): each later part of the body, in order, on
  // the thread that brings it. Give it back with consume() to get more.
  void on_body(std::function<void(std::string_view part, bool last)> part) const {
    exchange_->on_body(std::move(part));
  }
  void consume(std::uint64_t bytes) const { exchange_->consume(bytes); }

 private:
  const tenon_request& head() const { return exchange_->head(); }
  std::shared_ptr<detail::Exchange> exchange_;
};

// The duty to answer one request, exactly once: dropped without an answer, it sends an error by
// itself. One thread at a time; no call blocks, except wait(). Bodies of any size are taken: what
// the credit does not cover is kept and sent as the client reads.
class Reply {
 public:
  explicit Reply(std::shared_ptr<detail::Exchange> exchange) : exchange_(std::move(exchange)) {}
  Reply(Reply&&) noexcept = default;
  Reply& operator=(Reply&& other) noexcept {
    std::swap(exchange_, other.exchange_);
    return *this;
  }
  ~Reply() {
    if (exchange_) exchange_->abandon();
  }

  // The whole answer. A std::string or byte vector is moved, a string_view borrowed for the call.
  void send(unsigned status, std::span<const Header> headers, Body body) {
    if (auto exchange = take())
      exchange->start(status, headers.data(), headers.size(), std::move(body), true);
  }
  void send(unsigned status, std::initializer_list<Header> headers, Body body) {
    send(status, std::span(headers.begin(), headers.size()), std::move(body));
  }

  // Ends the request with an error; after begin() it cuts the stream.
  void fail(const Failure& failure) {
    if (auto exchange = take()) exchange->fail(failure);
  }

  // A stream: begin, write …, end. write() says whether everything went out; when not, better wait,
  // or come again in on_room(). After a cancellation it takes nothing and says false.
  void begin(unsigned status, std::span<const Header> headers) {
    if (exchange_) exchange_->start(status, headers.data(), headers.size(), {}, false);
  }
  void begin(unsigned status, std::initializer_list<Header> headers) {
    begin(status, std::span(headers.begin(), headers.size()));
  }
  bool write(Body body) { return exchange_ && exchange_->write(std::move(body), false); }
  void end(Body last = {}) {
    if (auto exchange = take()) exchange->write(std::move(last), true);
  }
  // Blocks until everything written went out; false: cancelled.
  bool wait() { return exchange_ && exchange_->wait(); }
  // Called once after each write() that said false, when all has gone out; on a thread of the host,
  // so it must not block; at once if all has gone out meanwhile. Not called after a cancellation.
  void on_room(std::function<void()> room) {
    if (exchange_) exchange_->on_room(std::move(room));
  }

  bool cancelled() const { return !exchange_ || exchange_->cancelled(); }
  // Called at most once, from a thread of the host, when the client is gone or the time is up; at
  // once if that is so already. Not called after the answer.
  void on_cancel(std::function<void()> cancelled) {
    if (exchange_) exchange_->on_cancel(std::move(cancelled));
  }
  // Tokens for policies and metrics; adds up.
  void usage(std::uint64_t input_tokens, std::uint64_t output_tokens) {
    if (exchange_) exchange_->usage(input_tokens, output_tokens);
  }
  tenon_request_id id() const { return exchange_ ? exchange_->head().id : 0; }
  // False once the answer was given.
  explicit operator bool() const { return exchange_ != nullptr; }

 private:
  std::shared_ptr<detail::Exchange> take() { return std::exchange(exchange_, nullptr); }
  std::shared_ptr<detail::Exchange> exchange_;
};

// Server-sent events over a Reply.
class Sse {
 public:
  // Begins the answer; headers come after the content type.
  explicit Sse(Reply reply, std::initializer_list<Header> headers = {}) : reply_(std::move(reply)) {
    std::vector<Header> all{{"content-type", "text/event-stream"}, {"cache-control", "no-cache"}};
    all.insert(all.end(), headers);
    reply_.begin(200, all);
  }
  // One event; every line of data gets its own "data: ". As Reply::write().
  bool event(std::string_view data) { return reply_.write(frame(data)); }
  // A comment keeps the connection alive and is no event.
  bool keep_alive() { return reply_.write(std::string_view(":\n\n")); }
  // Ends the stream as OpenAI's clients expect it …
  void done() { reply_.end(std::string_view("data: [DONE]\n\n")); }
  // … or without that last event.
  void end() { reply_.end(); }
  Reply& reply() { return reply_; }

  static std::string frame(std::string_view data) {
    std::string text;
    text.reserve(data.size() + 16);
    for (std::size_t at = 0; at <= data.size();) {
      const std::size_t end = std::min(data.find('\n', at), data.size());
      text.append("data: ").append(data.substr(at, end - at)).append("\n");
      at = end + 1;
    }
    return text.append("\n");
  }

 private:
  Reply reply_;
};

}  // namespace tenon::sdk
