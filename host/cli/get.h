#pragma once

#include <boost/json/array.hpp>
#include <string>
#include <vector>

#include "host/cli/command.h"
#include "host/cli/host_client.h"
#include "host/cli/listing.h"

namespace tenon::cli {

// `tenon get KIND [NAME]`
int get(const Arguments&, Streams);

// `tenon describe KIND NAME`
int describe(const Arguments&, Streams);

// What a host answered, or why it did not.
struct Items {
  boost::json::array items;
  std::optional<HttpReply> refused;
};

// All pages of a list. `model` is whose it is, of a listing of a model; `environment` "": of all.
Result<Items> fetch_list(const HostClient&, const Listing&, const std::string& model,
                         const std::string& environment);

// One resource; its environment counts for deployments only.
Result<Items> fetch_one(const HostClient&, const Listing&, const std::string& name,
                        const std::string& environment);

}  // namespace tenon::cli
