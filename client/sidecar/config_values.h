#pragma once

// Values of flags.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace belfry::sidecar {

// Bytes as a Kubernetes quantity: `4194304`, `4Mi`, `4MiB`, `4M`, `0.5Gi`. Nothing if it is not one
// or is not between 1 byte and 1 GiB.
std::optional<std::size_t> ParseByteQuantity(std::string_view text);

// The entries of comma-separated lists, without white space, quotes around them and empty ones.
std::vector<std::string> SplitLists(const std::vector<std::string>& lists);

// "[::1]" without its brackets; other addresses as they are.
std::string WithoutBrackets(std::string address);

// A port, 0 to 65535; nothing if it is not one.
std::optional<int> ParsePort(std::string_view text);

}  // namespace belfry::sidecar
