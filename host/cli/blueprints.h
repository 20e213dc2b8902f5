#pragma once

#include <map>
#include <memory>
#include <string_view>

#include "host/control/api.h"
#include "host/domain/error.h"
#include "host/lifecycle/deployment.h"

namespace tenon::cli {

// Makes what replicas are started by. Plugins, grants and equal options are given out as one, to
// however many deployments and at whatever time.
class Blueprints {
 public:
  explicit Blueprints(std::shared_ptr<const control::Known>);

  const std::shared_ptr<const control::Known>& known() const { return known_; }
  Result<lifecycle::Blueprint> of(std::shared_ptr<const DeploymentSpec>);
  // Options that no deployment has any more.
  void forget_unused();

 private:
  struct Plugin {
    std::shared_ptr<const plugins::Manifest> manifest;
    std::shared_ptr<const PluginGrant> grant;
    std::map<lifecycle::Options, std::shared_ptr<const lifecycle::Options>> options;
  };

  const std::shared_ptr<const control::Known> known_;
  std::map<std::string_view, Plugin> plugins_;
};

}  // namespace tenon::cli
