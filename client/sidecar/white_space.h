#pragma once

#include <string_view>

namespace belfry::sidecar {

// `text` without Unicode white space at both ends. Bytes that are not UTF-8 are no white space.
std::string_view TrimWhiteSpace(std::string_view text);

}  // namespace belfry::sidecar
