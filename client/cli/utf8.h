#pragma once

#include <string_view>

namespace belfry {

// Whether `text` is well-formed UTF-8: shortest forms only, no surrogates, at most U+10FFFF.
bool IsUtf8(std::string_view text);

}  // namespace belfry
