#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "host/access/keys.h"
#include "host/config/manifest.h"
#include "host/control/call.h"
#include "host/control/catalog.h"
#include "host/control/log_book.h"
#include "host/control/watches.h"
#include "host/lifecycle/dispatcher.h"
#include "host/lifecycle/ledger.h"
#include "host/plugins/manifest.h"
#include "host/telemetry/metrics.h"

namespace tenon::control {

class EventBooks;
class UsageBooks;

// What resources are held against; replaced as a whole when the configuration is read again.
struct Known {
  std::vector<plugins::Manifest> plugins;
  std::vector<PluginGrant> grants;
};

// The paths under /v0, as one table: routes(). [a desk's threads]
class Api {
 public:
  struct Parts {
    EventLoops& loops;
    Catalog& catalog;
    store::Store& store;
    const lifecycle::Dispatcher& dispatcher;
    std::function<std::shared_ptr<const Known>()> known;
    const config::Surroundings& surroundings;
    std::string workspace;  // of calls that name none with a key of all workspaces
    access::Keys& keys;
    const access::Access& access;
    UsageBooks& usage;
    EventBooks& events;
    LogBook& logs;
    // Why the file that manages a resource is not in force as it is; "" when it is.
    std::function<std::string(std::string_view managed_by)> problem_of;
    const lifecycle::Ledger& ledger;
    std::string node;  // this machine's name
    telemetry::Metrics& metrics;
  };
  explicit Api(Parts);

  void handle(const Request&, std::shared_ptr<Reply>);
  const Parts& parts() const { return parts_; }
  Watches& watches() { return *watches_; }

  // As answers show it; `whole` has what is left out of lists.
  boost::json::object show(const Entry&, bool whole) const;

  // A resource of a request's body, which is its spec or has it under "spec"; nothing when it was
  // refused.
  std::optional<Wish> wish(Call&, Kind, const std::string& name, const std::string& environment);
  // Of many: {"kind", "spec"} each; false when they were refused.
  bool wishes(Call&, const boost::json::array&, std::vector<Wish>&);
  // Removals: {"kind", "name", …} each.
  bool removals(Call&, const boost::json::array&, std::vector<Wish>&);
  void change(Call&, std::vector<Wish>, unsigned status_if_created);

 private:
  bool may(Call&, std::string_view at, const ResourceKey&);
  std::optional<Draft> read(Call&, Kind, const boost::json::object& spec, std::string_view prefix);

  const Parts parts_;
  const std::shared_ptr<Watches> watches_;
};

std::span<const Route> routes();

}  // namespace tenon::control
