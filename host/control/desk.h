#pragma once

#include <boost/asio/thread_pool.hpp>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "host/access/caller.h"
#include "host/domain/api_error.h"
#include "host/lifecycle/dispatcher.h"
#include "host/loop/event_loops.h"

namespace tenon::control {

// A request for one of the host's own paths, whole.
struct Request {
  std::string method, path, query;
  std::vector<std::pair<std::string, std::string>> headers;  // without credentials
  std::string body;
  std::string request_id;
  access::Caller caller;

  std::string_view header(std::string_view lower_case_name) const;  // "" when absent
};

// Where its answer goes: as one whole, as an error, or as a stream of chunks. [any]
class Reply {
 public:
  virtual ~Reply() = default;
  virtual void whole(unsigned status, std::string_view content_type, std::string body,
                     std::vector<std::pair<std::string, std::string>> headers = {}) = 0;
  virtual void refuse(lifecycle::Refusal) = 0;
  // `first` is what was asked for, however much of it there is.
  virtual void begin(std::string_view content_type, std::string first) = 0;
  // False: the client is gone, or takes so little that the stream was ended.
  virtual bool chunk(std::string) = 0;
  virtual void end() = 0;
};

lifecycle::Refusal refusal(const ApiError&, std::string message);

// Takes requests from the event loops, has them handled on threads that may block, and brings the
// answers back. What it gives out must be gone before it is: stop the loops first.
class Desk {
 public:
  using Handle = std::function<void(Request, std::shared_ptr<Reply>)>;  // [a thread of the desk]

  Desk(EventLoops&, Handle);
  ~Desk();

  // [the exchange's loop]
  std::shared_ptr<lifecycle::Flight> serve(lifecycle::Exchange&, access::Caller);
  // Does something else on its threads.
  void run(std::function<void()> what);
  // No further call of the handler; waits for those that run.
  void close();

 private:
  class Visit;

  EventLoops& loops_;
  const Handle handle_;
  boost::asio::thread_pool threads_;
};

}  // namespace tenon::control
