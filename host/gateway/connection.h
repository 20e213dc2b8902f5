#pragma once

#include <sys/uio.h>

#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "host/access/access.h"
#include "host/access/open_mode.h"
#include "host/gateway/answer_head.h"
#include "host/gateway/door.h"
#include "host/gateway/error_body.h"
#include "host/gateway/loop.h"
#include "host/gateway/request_parser.h"
#include "host/gateway/route.h"
#include "host/lifecycle/dispatcher.h"

namespace tenon::gateway {

// One client: reads a request, has it answered, reads the next. Lives on one loop, which owns it,
// and ends itself there once it is closed and no operation of its socket is under way.
//
// At any moment it is reading a head, serving one request, or letting the client read the last
// answer (lingering). While a request is served a read stays open, so that a client that goes away
// is noticed and its next requests wait in the buffer.
class Connection final : private lifecycle::Exchange, private RequestParser::BodySink {
 public:
  // The door outlives the connection.
  Connection(Loop&, Socket, const Door&);
  ~Connection();

  void start();
  // Ends the connection after the request under way, or now when there is none.
  void drain();
  void close();
  // Called now and then: ends what has taken too long.
  void check_time(std::uint64_t now);

  Connection* next = nullptr;  // the loop's list
  Connection* previous = nullptr;

 private:
  static constexpr unsigned kClientGone = 499;  // recorded when nobody waits for the answer

  enum class State : std::uint8_t { kHead, kServing, kLingering, kClosed };

  // ---- lifecycle::Exchange
  unsigned loop() const override { return loop_.index(); }
  workers::RequestView view() override;
  void on_submitted() override;
  bool can_restart() const override;
  void on_response(const workers::ResponseMessage&) override;
  void on_refused(const lifecycle::Refusal&) override;
  void on_consumed(std::uint64_t bytes) override;
  void on_room() override;

  // ---- reading: connection.cc
  void process();
  bool process_head();
  bool process_body();
  bool finish_request();
  void settle_buffer();
  bool make_room();
  void arm_read();
  void on_read(const boost::system::error_code&, std::size_t);
  void client_gone(bool in_order);
  void linger();
  void delete_when_free();

  // ---- bytes in and out: transport.cc
  void read_some();
  std::optional<std::size_t> write_some(std::span<iovec>);
  void await_tls(Socket::wait_type);
  void on_tls_ready(const boost::system::error_code&);
  std::optional<std::size_t> write_tls(std::span<iovec>);

  // ---- who may: admission.cc. False: refused.
  bool admit_to_host_path();
  bool admit_to_model();
  bool admit_web(access::Target);
  std::expected<const access::Caller*, access::Denial> identify() const;
  bool refuse(const access::Denial&);

  // ---- one request: request.cc
  void begin_request(bool whole);
  void read_fields();
  std::string_view field(std::string_view name) const;
  bool passes_on(RequestParser::Meaning) const;
  void serve_host_path();
  void serve_model();
  void grant_continue();
  std::string served() const;  // what the request is for, in logs
  void answer_preflight(std::string_view method);
  bool dispatch_is_due(RequestParser::Step) const;
  void dispatch();
  std::size_t take(std::string_view) override;
  std::size_t stream(std::string_view);
  void push_body();
  void bad_body(bool malformed);
  void give_up(const ApiError&, std::string_view message);
  void expect_answer(std::uint64_t from);
  void discard_rest();
  void abandon();

  // ---- its answer: answer.cc
  void send_message(const workers::ResponseMessage&);
  bool begin_answer(const workers::ResponseMessage&, std::string& head);
  HostFields host_fields(bool plugin_answers_cors);
  void answer_error(const ErrorAnswer&);
  void answer_text(unsigned status, std::string_view content_type, std::string_view body,
                   std::string_view more_headers = {});
  void cut(std::string_view why);
  void answer_done();
  void record();
  // Writes the parts as far as the socket takes them now and keeps the rest. May close.
  void send(std::string_view a, std::string_view b = {}, std::string_view c = {});
  void wait_to_write();
  void on_writable();
  void give_credit();

  Loop& loop_;
  Socket socket_;
  const Door& door_;
  std::unique_ptr<TlsSession> tls_;  // null: plain
  RequestParser parser_;
  Route route_;
  const char* routed_in_ = nullptr;  // the buffer that route_ points into

  // What was read and not yet thrown away: the head of the request being served, from 0 to
  // parser_.head_end(), then bytes [position_, end_) that nobody took yet.
  std::unique_ptr<char[]> in_;
  std::size_t capacity_ = 0;
  std::size_t position_ = 0;
  std::size_t end_ = 0;
  // What the socket did not take yet.
  std::string out_;
  std::size_t out_sent_ = 0;

  std::shared_ptr<lifecycle::Target> target_;
  std::shared_ptr<lifecycle::Flight> flight_;
  std::uint64_t revision_ = 0;              // that answers; 0: none, or not yet known
  std::unique_ptr<access::Caller> caller_;  // of a request to the control API
  std::vector<workers::HeaderView> views_;
  std::string request_id_;
  TraceContext trace_;
  std::string_view cors_origin_;  // of the configuration
  std::uint64_t arrival_ = 0;
  std::uint64_t read_deadline_ = 0;  // 0: none
  std::uint64_t write_deadline_ = 0;
  std::uint64_t answer_deadline_ = 0;  // for the next byte from the plugin

  // The request's body: kept from its beginning while it fits kUploadWindow, so that the request
  // can move to another replica; streamed once it does not.
  std::string body_;
  std::size_t body_sent_ = 0;     // of body_, to the replica that has the request
  std::uint64_t unconsumed_ = 0;  // bytes that the replica has and did not consume
  std::uint64_t discarded_ = 0;

  std::uint64_t length_left_ = 0;  // Framing::kLength: body bytes still to come
  std::uint64_t ungranted_ = 0;    // sent or being sent, not yet granted
  unsigned status_ = 0;
  Framing framing_ = Framing::kNone;
  State state_ = State::kHead;

  bool reading_ : 1 = false;  // a read is under way
  bool waiting_to_write_ : 1 = false;
  bool processing_ : 1 = false;
  bool keep_alive_ : 1 = false;
  bool is_head_ : 1 = false;        // HEAD: the answer has no body
  bool body_complete_ : 1 = false;  // the request's
  bool body_paused_ : 1 = false;    // nobody takes more of it at the moment
  bool body_end_sent_ : 1 = false;
  bool submitted_ : 1 = false;   // the last view() reached a replica
  bool streaming_ : 1 = false;   // body_ is given up
  bool discarding_ : 1 = false;  // the rest of the request's body is of no interest
  bool answering_ : 1 = false;   // a head was sent
  bool answered_ : 1 = false;    // the whole answer was handed to send()
  bool passive_ : 1 = false;
  bool cut_ : 1 = false;          // the answer ends before its end
  bool input_ended_ : 1 = false;  // the client sends nothing more, but may read
  bool deleting_ : 1 = false;
};

}  // namespace tenon::gateway
