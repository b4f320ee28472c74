#pragma once

#include <string_view>

namespace belfry::sidecar {

// The OpenAPI 3.1 description of the HTTP API: openapi.json, as it was when this was built.
std::string_view OpenApiDocument();

}  // namespace belfry::sidecar
