#include <charconv>
#include <cstdint>
#include <string_view>

#include "belfry/client.h"

namespace belfry {

namespace {

// What gRPC has schemes for is left to gRPC.
bool HasScheme(std::string_view address) {
  for (const std::string_view scheme : {"dns:", "ipv4:", "ipv6:", "unix:", "unix-abstract:"}) {
    // A host may have one of these names, and then a port follows.
    if (address.starts_with(scheme) &&
        address.find_first_not_of("0123456789", scheme.size()) != std::string_view::npos) {
      return true;
    }
  }
  return false;
}

bool IsHost(std::string_view host) {
  if (host.starts_with('[')) return host.size() > 2 && host.ends_with(']');
  // More than one colon is an address of IPv6 without its brackets.
  return !host.empty() && host.find(':') == std::string_view::npos;
}

bool IsPort(std::string_view text) {
  uint16_t port = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, port);
  return error == std::errc() && stop == end && port > 0;
}

}  // namespace

absl::Status CheckAddress(const std::string& address) {
  if (HasScheme(address)) return absl::OkStatus();
  const std::string_view text = address;
  const size_t colon = text.rfind(':');
  if (colon != std::string_view::npos && IsHost(text.substr(0, colon)) &&
      IsPort(text.substr(colon + 1))) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError("\"" + address +
                                    "\": not host:port with a port of 1-65535; IPv6 addresses "
                                    "stand in brackets");
}

}  // namespace belfry
