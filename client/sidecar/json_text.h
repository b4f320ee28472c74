#pragma once

// Writes the pieces of JSON exactly as the reference's encoders do.

#include <string>
#include <string_view>

namespace belfry::sidecar {

// Appends `text` as a JSON string. Only what must be escaped is, with short escapes where they
// exist. REQUIRES: `text` is UTF-8.
void AppendJsonString(std::string* out, std::string_view text);

// The same, but `<`, `>`, `&`, U+2028 and U+2029 are escaped too and bytes that are not UTF-8
// become U+FFFD: what Go's encoding/json does.
void AppendGoJsonString(std::string* out, std::string_view text);

// Appends the shortest decimal text that reads back as `value`; with an exponent only below 1e-6
// and from 1e21 on (`1e-7`, `1e+21`). REQUIRES: `value` is finite.
void AppendJsonNumber(std::string* out, double value);
void AppendJsonNumber(std::string* out, float value);

// Whether `text` is well-formed UTF-8 (no surrogates, no overlong forms).
bool IsUtf8(std::string_view text);

// Standard base64 with padding, and its reverse; the reverse also takes the URL alphabet and
// missing padding, and returns false if `text` is neither.
std::string Base64(std::string_view bytes);
bool ParseBase64(std::string_view text, std::string* bytes);

}  // namespace belfry::sidecar
