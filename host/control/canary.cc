#include "host/control/canary.h"

namespace tenon::control {
namespace {

const DeploymentSpec& spec_of(const Draft& draft) {
  return std::get<DeploymentSpec>(draft.spec);
}

// The one that gets the other requests once `wished` is a canary.
const Draft& beside(const Entry& now) {
  return now.stable ? now.stable->draft : now.draft;
}

}  // namespace

void settle_canary(DeploymentSpec& wished, const Entry* now) {
  if (!wished.canary) return;
  if (!now || revision_of(wished) == revision_of(spec_of(beside(*now)))) {
    wished.canary.reset();
  } else {
    wished.canary->stable =
        static_cast<unsigned>(now->stable ? now->stable->revision : now->revision);
  }
}

std::shared_ptr<const Entry> stable_of(const Draft& written,
                                       const std::shared_ptr<const Entry>& before) {
  const auto* spec = std::get_if<DeploymentSpec>(&written.spec);
  if (!spec || !spec->canary) return nullptr;
  return before->stable ? before->stable : before;
}

std::uint64_t standing_replicas(const DeploymentSpec& spec, const Entry* now) {
  std::uint64_t sum = spec.scale.min_replicas;
  if (spec.canary && now) sum += spec_of(beside(*now)).scale.min_replicas;
  return sum;
}

}  // namespace tenon::control
