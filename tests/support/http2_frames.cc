#include "tests/support/http2_frames.h"

namespace belfry::http2 {
namespace {

// As a literal that is not indexed, RFC 7541, 6.2.2. REQUIRES: both are shorter than 127 bytes.
std::string Header(const std::string& name, const std::string& value) {
  return std::string(1, '\0') + static_cast<char>(name.size()) + name +
         static_cast<char>(value.size()) + value;
}

}  // namespace

std::string BigEndian(uint32_t value, int bytes) {
  std::string out;
  for (int i = bytes; i > 0; --i) out += static_cast<char>(value >> (8 * (i - 1)));
  return out;
}

std::string Frame(char type, char flags, uint32_t stream, const std::string& payload) {
  return BigEndian(static_cast<uint32_t>(payload.size()), 3) + type + flags + BigEndian(stream) +
         payload;
}

std::string BeginCall(uint32_t stream, const std::string& method) {
  return Frame(kHeaders, kEndHeaders, stream,
               Header(":method", "POST") + Header(":scheme", "http") + Header(":path", method) +
                   Header(":authority", "test") + Header("te", "trailers") +
                   Header("content-type", "application/grpc"));
}

std::string MessageHead(uint32_t message_bytes) {
  return std::string(1, '\0') + BigEndian(message_bytes);
}

}  // namespace belfry::http2
