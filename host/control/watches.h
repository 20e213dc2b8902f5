#pragma once

#include <boost/asio/steady_timer.hpp>
#include <boost/json/object.hpp>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "host/control/catalog.h"
#include "host/control/desk.h"
#include "host/domain/deployment.h"
#include "host/loop/event_loops.h"

namespace tenon::control {

// Clients that watch a list. Each gets, as server-sent events whose data is a resource as the API
// shows it: "added" for each that is there, "synced", and then "added", "changed" and "removed" as
// it happens. A client that comes back is told everything anew. [any thread]
class Watches : public std::enable_shared_from_this<Watches> {
 public:
  struct Filter {
    Kind kind;
    std::string workspace;  // "" for kinds that are in none
    std::optional<std::string> environment;
  };
  using Describe = std::function<boost::json::object(const Entry&)>;

  Watches(EventLoops& loops, Describe describe)
      : loops_(loops), describe_(std::move(describe)), beat_(loops.control()) {}

  void add(Filter, std::shared_ptr<Reply>, std::shared_ptr<const Snapshot>);
  void on_snapshot(const std::shared_ptr<const Snapshot>&);
  // What its status says is new.
  void on_status(const DeploymentKey&);
  // Ends all of them, and those that come later at once.
  void close();

 private:
  struct Watch {
    Filter filter;
    std::shared_ptr<Reply> reply;
    std::shared_ptr<const Snapshot> seen;
  };

  // "" when it is not about this one.
  std::string event(const Filter&, std::string_view name, const Entry&) const;
  // From what was seen to what is there.
  std::string changes(const Watch&, const Snapshot&) const;
  void keep_beating();  // [control]

  EventLoops& loops_;
  const Describe describe_;
  boost::asio::steady_timer beat_;  // [control]
  bool beating_ = false;            // [control]
  std::mutex mutex_;                // of what follows
  std::vector<Watch> watches_;
  bool closed_ = false;
};

}  // namespace tenon::control
