#pragma once

// The switch of the planted bugs. Only the simulator's copy of the core asks it.

#include <string_view>
#include <vector>

namespace belfry::sim {

// The bug that is switched on; empty if none.
inline std::string_view g_planted;

inline bool Planted(std::string_view name) { return g_planted == name; }

struct Plant {
  std::string_view name;
  std::string_view story;
  bool is_woven = false;  // false if its place in the sources has changed
};

// All of them; made by core_copy.py from plants.py.
std::vector<Plant> Plants();

}  // namespace belfry::sim
