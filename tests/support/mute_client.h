#pragma once

// MuteClient: a gRPC client that asks and takes nothing of what is answered, down to the bytes of
// its socket. A client of the gRPC library always takes some.

#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <cstdint>
#include <string>

#include "google/protobuf/message_lite.h"

namespace belfry {

// Thread safety: belongs to its test.
class MuteClient {
 public:
  // Connect at once and allow the server to send as much as it likes; throw if they cannot.
  static MuteClient ToPort(uint16_t port);
  static MuteClient ToSocket(const std::string& path);

  // Begins a call with its first message, e.g. of "/package.Service/Method", and leaves it open.
  void Call(const std::string& method, const google::protobuf::MessageLite& request);

  // The bytes that have come to this end.
  size_t Untaken() const { return socket_.available(); }

 private:
  explicit MuteClient(const boost::asio::generic::stream_protocol::endpoint& server);

  void Send(const std::string& bytes);

  boost::asio::io_context context_;
  boost::asio::generic::stream_protocol::socket socket_{context_};
  uint32_t next_stream_ = 1;
};

}  // namespace belfry
