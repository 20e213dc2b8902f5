#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <span>

#include "host/control/plan.h"
#include "host/control/snapshot.h"
#include "host/lifecycle/dispatcher.h"
#include "host/metering/token_pools.h"
#include "host/store/records.h"

// What the API tells of resources. Secret values are never in it.
namespace tenon::control {

// {"kind", "metadata", "spec", "status"}; the status is of a deployment that runs here.
boost::json::object resource_json(const Entry&, const lifecycle::DeploymentStatus*);
boost::json::object status_json(const lifecycle::DeploymentStatus&);
// The last ones, the oldest first.
boost::json::array events_json(std::span<const store::Event>);
// An item for each limit.
boost::json::array budgets_json(std::span<const metering::TokenPools::Reading>);

// {"kind", "workspace", "name", "environment", "result", "before", "after"}
boost::json::object planned_json(const Planned&);

}  // namespace tenon::control
