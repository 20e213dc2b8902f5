#pragma once

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <memory>
#include <string>

#include "host/cli/options.h"

namespace tenon::cli {

// Where `tenon keys` changes keys. What it takes and gives are the bodies of the API.
class KeyDesk {
 public:
  struct Fault : Error {
    int status = kFailed;  // what the program ends with
  };
  using Answer = std::expected<boost::json::value, Fault>;

  virtual ~KeyDesk() = default;
  virtual Answer create(const boost::json::object& wish) = 0;
  virtual Answer list() = 0;
  virtual Answer remove(const std::string& id) = 0;
};

// --api, --api-key, --key-file, --workspace, --config, --data
void add_desk_options(options_description&);

// The store of a host that does not run (--config, --data), made when it is not there; else the API
// of one that does. An error of kInvalid is about the command line.
Result<std::unique_ptr<KeyDesk>> open_desk(const variables_map&);

}  // namespace tenon::cli
