#pragma once

// The connections that the process has open, as the system tells of them: gRPC gives out none of
// those it has.

#include <functional>
#include <string>

namespace belfry::net {

// Breaks connected sockets of the process off for which `is_meant` is true, and returns how many.
// One that is closed between the look at it and its end may have left its number to another file of
// the process. Any thread.
int BreakConnections(const std::function<bool(int fd)>& is_meant);

// As BreakConnections, those whose other end has an address as gRPC writes it, like
// "ipv4:127.0.0.1:50006" or "ipv6:%5B::1%5D:50006"; none if it is written in another way.
int BreakConnectionsFrom(const std::string& peer);

// The address family of a socket, like AF_INET; of what is none, AF_UNSPEC. Any thread.
int AddressFamily(int fd);

}  // namespace belfry::net
