#include "host/control/desk.h"

#include <algorithm>
#include <atomic>
#include <boost/asio/post.hpp>
#include <span>

namespace tenon::control {
namespace {

constexpr std::size_t kThreads = 2;             // one may wait for the disk
constexpr std::size_t kLargestBody = 64 << 20;  // a manifest of 10,000 deployments takes 4 MB
constexpr std::size_t kMostUntaken = 4 << 20;   // of a stream

std::string_view text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

std::string_view Request::header(std::string_view name) const {
  const auto found = std::ranges::find(headers, name, &std::pair<std::string, std::string>::first);
  return found == headers.end() ? std::string_view() : found->second;
}

lifecycle::Refusal refusal(const ApiError& error, std::string message) {
  lifecycle::Refusal out;
  out.error = {Code::kInvalid, std::move(message), error.retryable};
  out.reason = error.code;
  out.status = error.status;
  return out;
}

// One request at the desk. The exchange is touched on its loop only; null once nobody listens.
class Desk::Visit final : public lifecycle::Flight,
                          public Reply,
                          public std::enable_shared_from_this<Visit> {
 public:
  Visit(Desk& desk, lifecycle::Exchange& exchange, access::Caller caller)
      : desk_(desk), loop_(desk.loops_.loop(exchange.loop())), exchange_(&exchange) {
    request_.caller = std::move(caller);
  }

  // ---- the exchange's loop

  void begin_visit() {
    const workers::RequestView view = exchange_->view();
    request_.method = view.method;
    request_.path = view.path;
    request_.query = view.query;
    request_.request_id = view.request_id;
    for (const auto& [name, value] : view.headers) request_.headers.emplace_back(name, value);
    request_.body = text_of(view.body);
    if (view.body_complete) return hand_over();
    later([](Visit& self) { self.exchange_->on_submitted(); });
    consume(view.body.size());
  }

  bool send_body(std::span<const std::byte> body, bool last) override {
    if (request_.body.size() + body.size() > kLargestBody) {
      refuse(refusal(api::kBodyTooLarge, "a request to the control API takes at most 64 MiB"));
      return true;
    }
    request_.body.append(text_of(body));
    if (last) {
      hand_over();
    } else {
      consume(body.size());
    }
    return true;
  }

  void grant(std::uint64_t bytes) override { untaken_ -= std::min<std::size_t>(untaken_, bytes); }

  void abandon() override {
    gone_ = true;
    exchange_ = nullptr;
  }

  // ---- any thread

  void whole(unsigned status, std::string_view content_type, std::string body,
             std::vector<std::pair<std::string, std::string>> headers) override {
    headers.emplace_back("content-type", content_type);
    later([status, headers = std::move(headers), body = std::move(body)](Visit& self) {
      self.say(status, headers, body, true);
    });
  }

  void refuse(lifecycle::Refusal refusal) override {
    later([refusal = std::move(refusal)](Visit& self) {
      self.gone_ = true;
      std::exchange(self.exchange_, nullptr)->on_refused(refusal);
    });
  }

  void begin(std::string_view content_type, std::string first) override {
    later([type = std::string(content_type), first = std::move(first)](Visit& self) {
      self.say(200, {{"content-type", type}, {"cache-control", "no-store"}}, first, false);
    });
  }

  bool chunk(std::string text) override {
    if (gone_) return false;
    if (untaken_.fetch_add(text.size()) > kMostUntaken) {
      end();
      return false;
    }
    later([text = std::move(text)](Visit& self) { self.say(0, {}, text, false); });
    return true;
  }

  void end() override {
    later([](Visit& self) { self.say(0, {}, {}, true); });
  }

 private:
  template <class Do>
  void later(Do what) {
    boost::asio::post(loop_, [self = shared_from_this(), what = std::move(what)]() {
      if (self->exchange_) what(*self);
    });
  }

  void consume(std::uint64_t bytes) {
    if (bytes != 0) later([bytes](Visit& self) { self.exchange_->on_consumed(bytes); });
  }

  void hand_over() {
    boost::asio::post(desk_.threads_, [self = shared_from_this()] {
      if (!self->gone_) self->desk_.handle_(std::move(self->request_), self);
    });
  }

  void say(unsigned status, const std::vector<std::pair<std::string, std::string>>& headers,
           std::string_view body, bool final) {
    std::vector<workers::HeaderView> views;
    for (const auto& [name, value] : headers) views.push_back({name, value});
    workers::ResponseMessage message;
    message.status = status;
    message.headers = views;
    message.body = std::as_bytes(std::span(body));
    message.final = final;
    lifecycle::Exchange* exchange = exchange_;
    if (final) {
      gone_ = true;
      exchange_ = nullptr;
    }
    exchange->on_response(message);
  }

  Desk& desk_;
  boost::asio::io_context& loop_;
  lifecycle::Exchange* exchange_;
  Request request_;
  std::atomic<bool> gone_{false};
  std::atomic<std::size_t> untaken_{0};
};

Desk::Desk(EventLoops& loops, Handle handle)
    : loops_(loops), handle_(std::move(handle)), threads_(kThreads) {}

Desk::~Desk() {
  close();
}

std::shared_ptr<lifecycle::Flight> Desk::serve(lifecycle::Exchange& exchange,
                                               access::Caller caller) {
  auto visit = std::make_shared<Visit>(*this, exchange, std::move(caller));
  visit->begin_visit();
  return visit;
}

void Desk::run(std::function<void()> what) {
  boost::asio::post(threads_, std::move(what));
}

void Desk::close() {
  threads_.stop();
  threads_.join();
}

}  // namespace tenon::control
