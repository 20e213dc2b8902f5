#pragma once

#include <boost/asio/steady_timer.hpp>
#include <boost/json/array.hpp>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "host/control/desk.h"
#include "host/control/snapshot.h"
#include "host/domain/deployment.h"
#include "host/loop/event_loops.h"
#include "host/telemetry/log.h"

namespace tenon::control {

// The last lines of each deployment's log, and those who follow it. What said nothing takes
// nothing; what was silent longest goes first when all together take too much. [any thread]
class LogBook : public std::enable_shared_from_this<LogBook> {
 public:
  struct Limits {
    std::size_t bytes_each = 32 << 10;
    std::size_t bytes = 16 << 20;
  };

  explicit LogBook(EventLoops& loops, Limits limits) : limits_(limits), beat_(loops.control()) {}

  void add(const log::Line&);
  // The last lines: {"time", "level", "text"} each.
  boost::json::array lines(const DeploymentKey&, std::size_t most) const;
  // These, as server-sent events "line", and those that come.
  void follow(const DeploymentKey&, std::size_t most, std::shared_ptr<Reply>);
  // What is about deployments that are gone is forgotten, and whoever follows them told so.
  void keep_only(const Snapshot&);
  void close();

 private:
  struct Book {
    std::string lines;  // JSON, one a line
    std::uint64_t last = 0;
  };
  struct Follower {
    std::string deployment;
    std::shared_ptr<Reply> reply;
  };

  std::string_view tail(const std::string& deployment, std::size_t most) const;
  void make_room();
  void keep_beating();  // [control]

  const Limits limits_;
  boost::asio::steady_timer beat_;  // [control]
  bool beating_ = false;            // [control]
  mutable std::mutex mutex_;        // of what follows
  std::map<std::string, Book, std::less<>> books_;
  std::size_t bytes_ = 0;
  std::uint64_t count_ = 0;
  std::vector<Follower> followers_;
  bool closed_ = false;
};

}  // namespace tenon::control
