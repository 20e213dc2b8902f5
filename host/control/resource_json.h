#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "host/control/plan.h"
#include "host/control/snapshot.h"
#include "host/lifecycle/dispatcher.h"

// What the API tells of resources. Secret values are never in it.
namespace tenon::control {

// {"kind", "metadata", "spec", "status"}; the status is of a deployment that runs here.
boost::json::object resource_json(const Entry&, const lifecycle::DeploymentStatus*);
boost::json::object status_json(const lifecycle::DeploymentStatus&);
// The last ones, the oldest first.
boost::json::array events_json(const lifecycle::DeploymentStatus&);

// {"kind", "workspace", "name", "environment", "result", "before", "after"}
boost::json::object planned_json(const Planned&);

}  // namespace tenon::control
