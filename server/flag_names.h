#pragma once

// How flags are spelled: in the environment, and for the parser.

#include <string>
#include <string_view>
#include <vector>

namespace belfry::server {

// The variable from which --healthz-port is also read: BELFRY_HEALTHZ_PORT.
std::string EnvironmentName(std::string_view flag);

// The arguments as CLI11 wants them: in reverse order, an empty value as an argument of its own,
// and two dashes before every flag (the reference takes one as well).
std::vector<std::string> ForCli11(const std::vector<std::string>& arguments);

}  // namespace belfry::server
