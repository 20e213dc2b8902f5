#pragma once

#include <boost/json/value.hpp>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "host/cli/host_client.h"

namespace tenon::cli {

// What a host tells those who watch.
struct Told {
  std::string event;  // "added", "synced", "changed", "removed"
  boost::json::value resource;
};

// Follows a stream of the host until nobody reads what is printed; a host that goes away is asked
// again until it is back. `take` gets the events as they come; after `anew` they begin from the
// start. Returns the exit status.
int follow(std::string_view verb, const HostClient&, const std::string& path,
           const std::function<void(const std::vector<Told>&)>& take,
           const std::function<void()>& anew, Streams);

}  // namespace tenon::cli
