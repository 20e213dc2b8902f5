// One request between submit() and its final message: the machinery under Request and Reply.
#pragma once

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "tenon/plugin.h"
#include "tenon/sdk/host.hpp"
#include "tenon/sdk/values.hpp"

namespace tenon::sdk {

// Bytes of an answer: owned (moved in) or borrowed for the call that takes them.
class Body {
 public:
  Body() = default;
  Body(std::string text) : data_(std::move(text)) {}
  Body(std::vector<std::uint8_t> bytes) : data_(std::move(bytes)) {}
  Body(std::string_view borrowed) : data_(borrowed) {}
  Body(const char* borrowed) : data_(std::string_view(borrowed)) {}

  tenon_bytes bytes() const {
    return std::visit(
        [](const auto& data) {
          return tenon_bytes{reinterpret_cast<const std::uint8_t*>(data.data()), data.size()};
        },
        data_);
  }
  std::uint64_t size() const { return bytes().size; }
  // Copies what is only borrowed.
  void own() {
    if (auto* borrowed = std::get_if<std::string_view>(&data_)) data_ = std::string(*borrowed);
  }

 private:
  std::variant<std::string_view, std::string, std::vector<std::uint8_t>> data_;
};

namespace detail {

class Exchange;

// Where an exchange removes itself when it is over.
class Registry {
 public:
  virtual void forget(tenon_request_id) = 0;

 protected:
  ~Registry() = default;
};

std::optional<std::string> find_parameter(std::string_view query, std::string_view name);

// Threads: head and body are constant once handle() has the request. The sending side is guarded by
// mutex_, which is never held while the host or the plugin's callbacks run: whoever finds nobody
// sending becomes the sender and goes on until nothing more fits the credit.
class Exchange {
 public:
  // Copies the request, and the body as far as it has arrived when it is not complete.
  Exchange(Host host, Registry& registry, const tenon_request* theirs)
      : host_(host), registry_(&registry), head_(adopt(theirs)), credit_(head_.credit) {
    copy_head();
  }
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  const tenon_request& head() const { return head_; }
  std::string_view body() const { return body_; }

  // ---- the body on its way in: [instance-serial] ----

  void append(const tenon_bytes* segments, std::uint32_t n) {
    for (std::uint32_t i = 0; i < n; ++i) {
      upload_.append(reinterpret_cast<const char*>(segments[i].data), segments[i].size);
    }
    body_ = upload_;
  }
  void on_body(std::function<void(std::string_view, bool)> part) {
    auto shared = std::make_shared<PartCallback>(std::move(part));
    std::lock_guard lock(mutex_);
    if (!over_) on_body_ = std::move(shared);
  }
  void deliver(const tenon_bytes* segments, std::uint32_t n, bool last) {
    std::unique_lock lock(mutex_);
    const auto part = on_body_;
    lock.unlock();
    if (!part) return;
    for (std::uint32_t i = 0; i + 1 < n; ++i) (*part)(text(segments[i]), false);
    (*part)(n == 0 ? std::string_view() : text(segments[n - 1]), last);
  }
  void consume(std::uint64_t bytes) const {
    if (bytes != 0) host_.api()->consume(host_.api()->host, head_.id, bytes);
  }

  // ---- the answer: [any, one caller at a time] ----

  void start(unsigned status, const tenon_pair* headers, std::size_t n_headers, Body body,
             bool final) {
    std::unique_lock lock(mutex_);
    if (over_ || final_) return;
    if (started_) return misuse(lock, "the answer was begun twice");
    started_ = true;
    final_ = final;
    if (body.size() != 0) front_ = std::move(body);
    tenon_response head{};
    head.status = status;
    head.headers = headers;
    head.n_headers = static_cast<std::uint32_t>(n_headers);
    pump(lock, &head);
  }

  // False: something is waiting for credit, or the request is cancelled.
  bool write(Body body, bool final) {
    std::unique_lock lock(mutex_);
    if (over_ || final_) return false;
    if (!started_) {
      misuse(lock, "a body was written before the answer was begun");
      return false;
    }
    if (body.size() != 0 && !cancelled_) {
      if (sending_) body.own();
      if (!front_) {
        front_ = std::move(body);
      } else {
        body.own();
        later_.push_back(std::move(body));
      }
    }
    final_ = final;
    pump(lock);
    wants_room_ = front_.has_value() && !final;
    return !front_ && !cancelled_;
  }

  void fail(const Failure& failure) {
    std::unique_lock lock(mutex_);
    if (over_ || final_) return;
    end_with(failure);
    pump(lock);
  }

  void usage(std::uint64_t input_tokens, std::uint64_t output_tokens) {
    host_.api()->report_usage(host_.api()->host, head_.id, input_tokens, output_tokens);
  }

  bool wait() {
    std::unique_lock lock(mutex_);
    wants_room_ = false;
    changed_.wait(lock, [&] { return (!front_ && !sending_) || cancelled_ || over_; });
    return !cancelled_ && !over_;
  }

  void on_room(std::function<void()> room) {
    std::unique_lock lock(mutex_);
    if (over_) return;
    on_room_ = std::move(room);
    call_if_room(lock);
  }

  void on_cancel(std::function<void()> callback) {
    {
      std::lock_guard lock(mutex_);
      if (!cancelled_) {
        if (!over_ && !final_) on_cancel_ = std::move(callback);
        return;
      }
    }
    callback();
  }

  bool cancelled() const {
    if (cancel_seen_.load(std::memory_order_relaxed)) return true;
    return !done_.load(std::memory_order_acquire) && head_.cancel_word != nullptr &&
           __atomic_load_n(head_.cancel_word, __ATOMIC_RELAXED) != 0;
  }

  // The Reply is gone without an answer. Inside dispatch() the last word comes at its end, which
  // knows why.
  void abandon() {
    std::unique_lock lock(mutex_);
    if (over_ || final_) return;
    abandoned_ = true;
    if (!dispatching_) give_up(lock);
  }

  // ---- the wrapper's own calls ----

  // Runs handle(); an exception becomes the answer unless somebody still holds the Reply.
  template <class Handle>
  void dispatch(Handle&& handle) {
    {
      std::lock_guard lock(mutex_);
      dispatching_ = true;
    }
    std::optional<Failure> thrown = handle();
    std::unique_lock lock(mutex_);
    dispatching_ = false;
    if (over_ || final_ || !abandoned_) return;
    if (thrown) {
      end_with(*thrown);
      return pump(lock);
    }
    give_up(lock);
  }

  // [any] The host takes more.
  void add_credit(std::uint64_t bytes) {
    std::unique_lock lock(mutex_);
    credit_ += bytes;
    pump(lock);
    call_if_room(lock);
  }

  // [any] Nothing that waits will be read by anyone.
  void cancel() {
    std::unique_lock lock(mutex_);
    if (over_ || cancelled_) return;
    drop_rest();
    const auto callback = std::exchange(on_cancel_, nullptr);
    pump(lock);
    changed_.notify_all();
    lock.unlock();
    if (callback) callback();
  }

  // The instance is about to end: what is dropped unanswered from now on says so.
  void ending() {
    std::lock_guard lock(mutex_);
    ending_ = true;
  }
  // The instance has ended: what it left open is ended, and the host is not called afterwards.
  void close() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return !sending_; });
    if (over_) return;
    end_with(instance_ended());
    pump(lock);
    over_ = true;
    changed_.notify_all();
  }

  // The body was too large, and the answer is on its way.
  void refuse() { refused_ = true; }
  bool refused() const { return refused_; }

 private:
  using PartCallback = std::function<void(std::string_view, bool)>;

  static std::string_view text(tenon_bytes bytes) {
    return {reinterpret_cast<const char*>(bytes.data), static_cast<std::size_t>(bytes.size)};
  }

  // One block for all strings, the headers and a complete body.
  void copy_head() {
    std::size_t size = head_.n_headers * sizeof(tenon_pair);
    const bool whole = (head_.flags & TENON_REQUEST_BODY_COMPLETE) != 0;
    for (tenon_str* s : {&head_.method, &head_.path, &head_.query, &head_.request_id}) {
      size += s->size;
    }
    for (std::uint32_t i = 0; i < head_.n_headers; ++i) {
      size += head_.headers[i].name.size + head_.headers[i].value.size;
    }
    for (std::uint32_t i = 0; whole && i < head_.n_body; ++i) size += head_.body[i].size;

    block_.reset(static_cast<char*>(::operator new(size)));
    auto* pairs = reinterpret_cast<tenon_pair*>(block_.get());
    char* at = block_.get() + head_.n_headers * sizeof(tenon_pair);
    const auto put = [&at](const void* data, std::uint64_t n) {
      char* start = at;
      if (n != 0) std::memcpy(at, data, n);
      at += n;
      return start;
    };
    for (tenon_str* s : {&head_.method, &head_.path, &head_.query, &head_.request_id}) {
      s->data = put(s->data, s->size);
    }
    for (std::uint32_t i = 0; i < head_.n_headers; ++i) {
      const tenon_pair& from = head_.headers[i];
      const char* name = put(from.name.data, from.name.size);
      const char* value = put(from.value.data, from.value.size);
      new (&pairs[i]) tenon_pair{{name, from.name.size}, {value, from.value.size}};
    }
    head_.headers = pairs;
    const char* body = at;
    for (std::uint32_t i = 0; whole && i < head_.n_body; ++i) {
      put(head_.body[i].data, head_.body[i].size);
    }
    body_ = {body, static_cast<std::size_t>(at - body)};
    head_.body = nullptr;
    head_.n_body = 0;
  }

  void misuse(std::unique_lock<std::mutex>& lock, const char* what) {
    end_with(sdk::fail(TENON_INTERNAL, what));
    pump(lock);
  }

  void give_up(std::unique_lock<std::mutex>& lock) {
    if (cancelled_ || cancelled()) {
      end_with(sdk::fail(TENON_CANCELLED, "the request was cancelled"));
    } else if (ending_) {
      end_with(instance_ended());
    } else {
      end_with(sdk::fail(TENON_INTERNAL, "the plugin dropped the request unanswered"));
      host_.error("the plugin dropped the request unanswered", head_.id);
    }
    pump(lock);
  }

  static Failure instance_ended() {
    return sdk::fail(TENON_UNAVAILABLE, "the instance ended before the answer",
                     TENON_ERROR_RETRYABLE);
  }

  // Keeps the promise of a write() that said false, as soon as it can be kept.
  void call_if_room(std::unique_lock<std::mutex>& lock) {
    if (!wants_room_ || !on_room_ || front_ || sending_ || cancelled_ || final_) return;
    wants_room_ = false;
    const auto room = on_room_;
    lock.unlock();
    room();
  }

  void drop_rest() {
    cancelled_ = true;
    cancel_seen_.store(true, std::memory_order_relaxed);
    wants_room_ = false;
    // The sender is still reading the front; it drops it itself.
    if (!sending_) front_.reset();
    later_.clear();
  }

  void end_with(const Failure& failure) {
    error_ = to_error(failure);
    final_ = true;
    if (!sending_) front_.reset();
    later_.clear();
  }

  // What may go out now, if anything; the head, if any, goes with the first message.
  bool next(tenon_response& message, tenon_bytes& part) const {
    message.struct_size = sizeof message;
    if (over_) return false;
    if (cancelled_ || error_) {
      if (!final_) return false;
      message = {};
      message.struct_size = sizeof message;
      message.flags = TENON_RESPONSE_FINAL;
      message.error = error_ ? &*error_ : &cancelled_error();
      return true;
    }
    std::uint64_t left = 0;
    if (front_) {
      part = front_->bytes();
      part.data += front_sent_;
      part.size -= front_sent_;
      left = part.size;
      part.size = std::min(part.size, credit_);
    }
    const bool last = final_ && part.size == left && later_.empty();
    if (message.status == 0 && part.size == 0 && !last) return false;
    if (last) message.flags = TENON_RESPONSE_FINAL;
    message.n_body = part.size != 0 ? 1 : 0;
    message.body = part.size != 0 ? &part : nullptr;
    return true;
  }

  void pump(std::unique_lock<std::mutex>& lock, const tenon_response* head = nullptr) {
    if (sending_) return;
    sending_ = true;
    for (;;) {
      tenon_response message = head ? *head : tenon_response{};
      tenon_bytes part{};
      if (!next(message, part)) break;
      const std::uint64_t granted = credit_;
      lock.unlock();
      const tenon_code code = host_.api()->respond(host_.api()->host, head_.id, &message);
      lock.lock();
      if (code != TENON_WOULD_BLOCK) head = nullptr;
      if (!settle(message, code, granted)) break;
    }
    if (front_) front_->own();
    sending_ = false;
    changed_.notify_all();
    if (over_) drop_callbacks(lock);
  }

  // They may hold this exchange, or whatever locks: break the circle, but not under the lock.
  void drop_callbacks(std::unique_lock<std::mutex>& lock) {
    auto room = std::exchange(on_room_, nullptr);
    auto cancel = std::exchange(on_cancel_, nullptr);
    auto part = std::exchange(on_body_, nullptr);
    lock.unlock();
    room = nullptr;
    cancel = nullptr;
    part = nullptr;
    lock.lock();
  }

  // Takes note of what became of a message; false: nothing more goes out now.
  bool settle(const tenon_response& message, tenon_code code, std::uint64_t granted) {
    const bool final = (message.flags & TENON_RESPONSE_FINAL) != 0;
    switch (code) {
      case TENON_OK: {
        const std::uint64_t sent = message.n_body != 0 ? message.body->size : 0;
        credit_ -= sent;
        front_sent_ += sent;
        if (front_ && (front_sent_ == front_->size() || cancelled_ || error_)) advance();
        if (final) finish();
        return !final;
      }
      case TENON_CANCELLED:
        if (final) break;
        cancelled_ = true;
        cancel_seen_.store(true, std::memory_order_relaxed);
        later_.clear();
        advance();
        return true;
      case TENON_WOULD_BLOCK:
        // The host counts differently from us: only what it grants from now on is sure.
        credit_ -= granted;
        return message.n_body != 0 && (credit_ != 0 || message.status != 0);
      case TENON_INVALID:
        if (message.error) break;
        host_.error("the host refused an answer as invalid", head_.id);
        end_with(sdk::fail(TENON_INTERNAL, "the plugin made an answer that the host refused"));
        advance();
        return true;
      default:
        break;
    }
    finish();
    return false;
  }

  void advance() {
    front_sent_ = 0;
    front_.reset();
    if (!later_.empty()) {
      front_ = std::move(later_.front());
      later_.pop_front();
    }
  }

  void finish() {
    over_ = true;
    done_.store(true, std::memory_order_release);
    front_.reset();
    later_.clear();
    registry_->forget(head_.id);
  }

  static const tenon_error& cancelled_error() {
    static const tenon_error error =
        to_error(sdk::fail(TENON_CANCELLED, "the request was cancelled"));
    return error;
  }

  struct Free {
    void operator()(char* block) const { ::operator delete(block); }
  };

  const Host host_;
  Registry* const registry_;
  tenon_request head_;
  std::unique_ptr<char, Free> block_;
  std::string upload_;
  std::string_view body_;
  bool refused_ = false;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::uint64_t credit_;       // bytes that the host still takes
  std::optional<Body> front_;  // being sent …
  std::uint64_t front_sent_ = 0;
  std::list<Body> later_;             // … and what follows it
  std::optional<tenon_error> error_;  // how it ends, instead of a body
  std::function<void()> on_room_, on_cancel_;
  std::shared_ptr<PartCallback> on_body_;
  bool started_ = false;                  // the head went to the host
  bool final_ = false;                    // nothing follows what waits here
  bool sending_ = false;                  // a thread is in pump()
  bool over_ = false;                     // the final message went out
  bool cancelled_ = false;                // cancel() came, or respond() said so
  bool abandoned_ = false;                // the Reply is gone
  bool ending_ = false;                   // the instance is being unloaded
  bool dispatching_ = false;              // handle() runs
  bool wants_room_ = false;               // the last write() said false
  std::atomic<bool> cancel_seen_{false};  // cancelled_, for readers without the lock
  std::atomic<bool> done_{false};         // the cancel word must not be read any more
};

inline std::optional<std::string> find_parameter(std::string_view query, std::string_view name) {
  const auto decode = [](std::string_view text) {
    std::string out;
    const auto digit = [](char c) {
      return c >= '0' && c <= '9'                 ? c - '0'
             : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 87
                                                  : -1;
    };
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (text[i] == '%' && i + 2 < text.size() && digit(text[i + 1]) >= 0 &&
          digit(text[i + 2]) >= 0) {
        out += static_cast<char>(digit(text[i + 1]) * 16 + digit(text[i + 2]));
        i += 2;
      } else {
        out += text[i] == '+' ? ' ' : text[i];
      }
    }
    return out;
  };
  while (!query.empty()) {
    const std::string_view pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(pair.size() + 1, query.size()));
    const std::size_t equals = std::min(pair.find('='), pair.size());
    if (decode(pair.substr(0, equals)) == name) {
      return decode(pair.substr(std::min(equals + 1, pair.size())));
    }
  }
  return std::nullopt;
}

}  // namespace detail
}  // namespace tenon::sdk
