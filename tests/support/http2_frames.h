#pragma once

// Bytes of HTTP/2 (RFC 9113) for tests that are clients as no library is one.

#include <cstdint>
#include <string>

namespace belfry::http2 {

inline constexpr char kPreface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

inline constexpr char kData = 0;
inline constexpr char kHeaders = 1;
inline constexpr char kResetStream = 3;
inline constexpr char kSettings = 4;
inline constexpr char kWindowUpdate = 8;
inline constexpr char kEndHeaders = 4;  // a flag of kHeaders

// The lowest `bytes` of a number.
std::string BigEndian(uint32_t value, int bytes = 4);

// REQUIRES: the payload is shorter than 16 MiB.
std::string Frame(char type, char flags, uint32_t stream, const std::string& payload);

// What begins a call of gRPC, e.g. of "/package.Service/Method". REQUIRES: `method` is shorter than
// 127 bytes.
std::string BeginCall(uint32_t stream, const std::string& method);

// What comes before a message of gRPC.
std::string MessageHead(uint32_t message_bytes);

}  // namespace belfry::http2
