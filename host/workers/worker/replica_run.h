#pragma once

#include "host/workers/messages.h"
#include "host/workers/worker/plugin.h"
#include "host/workers/worker/reader.h"
#include "host/workers/worker/ring_outlet.h"

namespace tenon::worker {

// Loads the model and serves until told to stop, on the caller's thread as the [control] role. The
// exit status.
int run_replica(Plugin&, workers::HostTable&, RingOutlet&, const Channel&, workers::SharedRegion&,
                const workers::message::Start&);

// A model as the ABI shows it; refers to the message.
struct ModelSource {
  explicit ModelSource(const workers::message::Model&);
  ModelSource(const ModelSource&) = delete;
  tenon_model_source source{};
  std::vector<tenon_pair> options;
};

}  // namespace tenon::worker
