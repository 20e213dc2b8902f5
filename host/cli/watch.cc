#include "host/cli/watch.h"

#include <fmt/format.h>

#include <boost/json/parse.hpp>
#include <chrono>
#include <stdexcept>
#include <thread>
#include <utility>

#include "host/cli/event_stream.h"
#include "host/cli/terminal.h"

namespace tenon::cli {
namespace {

constexpr std::chrono::seconds kBetweenTries{1};

std::vector<Told> told_of(const std::vector<EventStream::Event>& events) {
  std::vector<Told> out;
  for (const EventStream::Event& event : events) {
    boost::system::error_code error;
    auto resource = boost::json::parse(event.data, error);
    if (!error) out.push_back({event.name, std::move(resource)});
  }
  return out;
}

}  // namespace

int follow(std::string_view verb, const HostClient& host, const std::string& path,
           const std::function<void(const std::vector<Told>&)>& take,
           const std::function<void()>& anew, Streams streams) {
  bool was_there = false, told = false;
  for (;; std::this_thread::sleep_for(kBetweenTries)) {
    EventStream events;
    std::string refused;
    anew();
    auto reply =
        http_stream(host.ask("GET", path), [&](const HttpReply& head, std::string_view piece) {
          if (head.status != 200) return (void)(refused += piece);
          was_there = true;
          told = false;
          take(told_of(events.take(piece)));
          streams.out.flush();
          if (!streams.out) throw std::runtime_error("nobody reads any more");
        });
    if (!streams.out) return kOk;
    if (reply && reply->status != 200) {
      reply->body = std::move(refused);
      return tell_refusal(verb, *reply, streams);
    }
    if (!reply && !was_there) return tell_error(verb, reply.error(), streams);
    if (!std::exchange(told, true)) {
      streams.err << fmt::format(
          "tenon {}: {}; asking again\n", verb,
          reply ? "the host ended the stream" : terminal_text(reply.error().message));
    }
  }
}

}  // namespace tenon::cli
