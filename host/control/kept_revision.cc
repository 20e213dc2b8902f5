#include "host/control/kept_revision.h"

#include <algorithm>

#include "host/config/manifest.h"

namespace tenon::control {

Result<std::shared_ptr<const Entry>> kept_revision(store::Store& store,
                                                   const ResourceKey& deployment,
                                                   std::uint64_t number) {
  const auto kept = store.revisions(deployment_key(deployment));
  if (!kept) return std::unexpected(kept.error());
  const auto found = std::ranges::find(*kept, number, &store::Revision::number);
  if (found == kept->end()) return nullptr;
  auto draft = config::draft_of(deployment, found->document);
  if (!draft) return std::unexpected(draft.error());
  return std::make_shared<const Entry>(Entry{.draft = *std::move(draft), .revision = number});
}

}  // namespace tenon::control
