#pragma once

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>
#include <functional>
#include <string>
#include <string_view>

#include "host/cli/command.h"
#include "host/cli/host_client.h"

namespace tenon::cli {

// `tenon apply -f FILE…`
int apply(const Arguments&, Streams);

struct HowToApply {
  bool dry_run = false;
  bool force = false;
  bool ignore_absent = false;  // what shall go and is not there is no mistake
};

// Asks a host for all of this or none: "resources", {"kind", "spec"} each, and "remove", {"kind",
// "name", …} each; tells what became of them. An answer of no success is told by `refused`, which
// gives the exit status.
int change_resources(std::string_view verb, const HostClient&, boost::json::object wishes,
                     HowToApply, const std::function<int(HttpReply)>& refused, Streams);

// "deployment default/minilm@production configured": an item of what the host says of a change;
// its differences on lines of their own when they are asked for.
std::string change_text(const boost::json::value& change, bool dry_run);

}  // namespace tenon::cli
