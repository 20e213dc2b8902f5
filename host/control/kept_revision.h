#pragma once

#include <cstdint>
#include <memory>

#include "host/control/snapshot.h"
#include "host/store/store.h"

namespace tenon::control {

// A deployment as it was in one of its revisions; null when that one is not kept any more.
Result<std::shared_ptr<const Entry>> kept_revision(store::Store&, const ResourceKey& deployment,
                                                   std::uint64_t number);

}  // namespace tenon::control
