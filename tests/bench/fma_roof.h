#pragma once

#include "runtimes/ops/isa.h"
#include "runtimes/ops/thread_pool.h"

namespace tenon::bench {

// What all threads of the pool reach together in fp32 multiply-adds on registers, in GFLOP/s, with
// the widest registers that `isa` allows: the roof that no kernel passes. One sample of
// about half a millisecond.
double fma_roof(ops::Isa isa, ops::ThreadPool& pool);

}  // namespace tenon::bench
