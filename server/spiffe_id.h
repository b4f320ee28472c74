#pragma once

// SPIFFE ids: the names of workloads that certificates carry, spiffe://<trust domain>/<path>.

#include <optional>
#include <string>
#include <string_view>

namespace belfry::server {

// Whether a text is a SPIFFE id of a workload, as the standard spells them: a trust domain of lower
// case letters, digits, '.', '-' and '_', a path of segments of letters, digits and these, none of
// them empty, "." or "..", and 2048 bytes at most.
bool IsSpiffeId(std::string_view text);

// An app, as an id of the form spiffe://<trust domain>/ns/<namespace>/<app id> names it.
struct AppIdentity {
  std::string ns;
  std::string app_id;

  friend bool operator==(const AppIdentity&, const AppIdentity&) = default;
};

// The app that an id names; segments behind the app id do not count. Empty if the text is no
// SPIFFE id or has another form.
std::optional<AppIdentity> ParseAppIdentity(std::string_view text);

}  // namespace belfry::server
