#pragma once

#include <boost/json/object.hpp>
#include <vector>

#include "host/access/keys.h"

// Keys in the bodies of the API, as a host and `tenon keys` without a host write them.
namespace tenon::control {

// {"role", "workspace", "name", "expiresIn"}; an unknown field or a wrong value is kInvalid.
Result<access::KeyWish> read_key_wish(const boost::json::object&, access::Time now);

boost::json::object key_json(const store::ApiKey&);   // nothing of the secret
boost::json::object key_json(const access::NewKey&);  // with it, as "key"
boost::json::object keys_json(const std::vector<store::ApiKey>&);

}  // namespace tenon::control
