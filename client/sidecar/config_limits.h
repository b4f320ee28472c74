#pragma once

// The flags that set limits: of what clients may do, and how long it may take.

#include <string>

#include "client/sidecar/config.h"
#include "client/sidecar/config_flags.h"

namespace belfry::sidecar {

// Takes the limits out of the flags; what is wrong with them, or an empty text.
std::string CheckLimits(const RawFlags& raw, Config* config);

}  // namespace belfry::sidecar
