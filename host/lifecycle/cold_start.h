#pragma once

#include "host/lifecycle/clock.h"
#include "host/lifecycle/deployment.h"
#include "host/lifecycle/replica_slot.h"

namespace tenon::lifecycle {

// What the start of a replica took, stage by stage, now that its first answer came; put into the
// metrics and the log as well.
ColdStart note_cold_start(ReplicaSlot&, TimePoint first_answer);

}  // namespace tenon::lifecycle
