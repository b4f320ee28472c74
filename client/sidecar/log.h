#pragma once

#include <string>

#include "client/sidecar/config.h"

namespace belfry::sidecar {

// Sets up the default logger: lines of text or JSON on stdout.
void SetUpLogging(LogLevel level, bool as_json, const std::string& app_id);

}  // namespace belfry::sidecar
