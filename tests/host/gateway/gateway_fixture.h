#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "host/control/control.h"
#include "host/gateway/gateway.h"
#include "host/loop/event_loops.h"
#include "host/telemetry/metrics.h"
#include "tests/host/gateway/fake_dispatcher.h"

namespace tenon::testing {

struct HttpAnswer {
  unsigned status = 0;
  std::string head;  // as it came, with the empty line
  std::map<std::string, std::string> headers;
  std::string body;

  std::string header(const std::string& name) const {
    const auto found = headers.find(name);
    return found == headers.end() ? "(none)" : found->second;
  }
};

// A client of raw bytes over one socket. Reads give up after ten seconds.
class RawClient {
 public:
  explicit RawClient(unsigned port, int receive_buffer = 0);
  explicit RawClient(const std::string& unix_path);
  ~RawClient() { close(); }
  RawClient(RawClient&&) noexcept;
  RawClient(const RawClient&) = delete;

  bool send(std::string_view bytes);  // false: the server is gone
  // The next answer; nullopt when the connection ends or the answer is not whole.
  std::optional<HttpAnswer> receive(bool to_head = false);
  std::optional<HttpAnswer> ask(std::string_view bytes) {
    send(bytes);
    return receive();
  }
  // Whether the server has ended the connection, with nothing left to read.
  bool at_end();
  std::string read_some();  // empty at the end
  void shut_down_write();
  void close();
  void reset();  // closes with RST
  int fd() const { return fd_; }

 private:
  int fd_ = -1;
  std::string buffer_;
};

std::string get(std::string_view target, std::string_view more = "");
std::string post(std::string_view target, std::string_view body, std::string_view more = "");

// Waits until the condition holds; false after ten seconds.
bool eventually(const std::function<bool()>& condition);

// A gateway with a fake dispatcher behind it, on two loops.
class GatewayTest : public ::testing::Test {
 protected:
  GatewayTest() { spec_.listen = {{"127.0.0.1", 0}}; }
  ~GatewayTest() override { shut_down(); }

  // Starts serving; spec_ and the dispatcher's models are set before.
  void serve();
  void shut_down();
  RawClient connect(int receive_buffer = 0) { return RawClient(port_, receive_buffer); }
  std::int64_t open_connections() { return metrics_.gauge("tenon_connections", "").load(); }

  HostSpec spec_;
  EventLoops loops_{2};
  FakeDispatcher dispatcher_{loops_};
  telemetry::Metrics metrics_;
  control::Control control_{
      loops_,
      {.metrics = [this] { return metrics_.render(); },
       .ready = []() -> std::optional<std::string> { return std::nullopt; },
       .api =
           [this](control::Request request, std::shared_ptr<control::Reply> reply) {
             if (api_) return api_(std::move(request), std::move(reply));
             reply->refuse(control::refusal(api::kRouteNotFound, "no such path"));
           }}};
  access::Access access_{{}};
  control::Desk::Handle api_;  // what answers /v0/…
  std::unique_ptr<gateway::Gateway> gateway_;
  unsigned port_ = 0;
};

}  // namespace tenon::testing
