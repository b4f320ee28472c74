#pragma once

// Reads a whole store at rest, and finds what is only half there.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "scheduler/store/store.h"

namespace belfry {

struct StoredJob {
  std::string payload;
  uint64_t settled = 0;  // ticks
};

struct StoreContents {
  std::map<std::string, StoredJob> jobs;  // by name; names of several targets must not be the same
  std::vector<std::string> findings;      // empty if everything fits together
};

// REQUIRES: nothing is left to do in the store, so no deletes of prefixes are under way.
StoreContents ReadContents(const Store& store);

}  // namespace belfry
