#pragma once

// Compares what is stored, record by record, with what the oracle knows. Reads keys and records as
// docs/storage-format.md describes them, with code of its own.

#include "scheduler/store/store.h"
#include "tests/sim/journal.h"
#include "tests/sim/oracle.h"

namespace belfry::sim {

// REQUIRES: nothing is left to do, so purges are finished too.
void CheckStore(const Store& store, const State& state, Journal* journal);

}  // namespace belfry::sim
