#pragma once

// The calls that gRPC has open, as its own counters (channelz) tell: also those that have only been
// begun, of which it tells nobody else.

#include <cstdint>
#include <string>
#include <vector>

namespace belfry::net {

// Of all servers of the process. Cheap. Any thread.
int64_t CountOpenCalls();

struct ConnectionCalls {
  std::string peer;  // as gRPC writes it, like "ipv4:127.0.0.1:50006"
  int64_t open = 0;
};

// The same by connection, those without a call too; some ten microseconds each. Any thread.
std::vector<ConnectionCalls> OpenCallsByConnection();

}  // namespace belfry::net
