#include "tests/support/mute_client.h"

#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/write.hpp>

namespace belfry {
namespace {

// HTTP/2, RFC 9113.
constexpr char kPreface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
constexpr char kData = 0;
constexpr char kHeaders = 1;
constexpr char kSettings = 4;
constexpr char kWindowUpdate = 8;
constexpr char kEndHeaders = 4;
constexpr char kInitialWindowSize = 4;
constexpr uint32_t kLargestWindow = (uint32_t{1} << 31) - 1;
constexpr uint32_t kDefaultWindow = 65535;

std::string BigEndian(uint32_t value, size_t bytes = 4) {
  std::string out;
  for (size_t i = bytes; i > 0; --i) out += static_cast<char>(value >> (8 * (i - 1)));
  return out;
}

std::string Frame(char type, char flags, uint32_t stream, const std::string& payload) {
  return BigEndian(static_cast<uint32_t>(payload.size()), 3) + type + flags + BigEndian(stream) +
         payload;
}

// As a literal that is not indexed, RFC 7541, 6.2.2. REQUIRES: both are shorter than 127 bytes.
std::string Header(const std::string& name, const std::string& value) {
  return std::string(1, '\0') + static_cast<char>(name.size()) + name +
         static_cast<char>(value.size()) + value;
}

}  // namespace

MuteClient MuteClient::ToPort(uint16_t port) {
  return MuteClient(boost::asio::ip::tcp::endpoint(boost::asio::ip::address_v4::loopback(), port));
}

MuteClient MuteClient::ToSocket(const std::string& path) {
  return MuteClient(boost::asio::local::stream_protocol::endpoint(path));
}

MuteClient::MuteClient(const boost::asio::generic::stream_protocol::endpoint& server) {
  socket_.connect(server);
  Send(kPreface +
       Frame(kSettings, 0, 0, BigEndian(kInitialWindowSize, 2) + BigEndian(kLargestWindow)) +
       Frame(kWindowUpdate, 0, 0, BigEndian(kLargestWindow - kDefaultWindow)));
}

void MuteClient::Call(const std::string& method, const google::protobuf::MessageLite& request) {
  const std::string headers = Header(":method", "POST") + Header(":scheme", "http") +
                              Header(":path", method) + Header(":authority", "test") +
                              Header("te", "trailers") + Header("content-type", "application/grpc");
  const std::string message = request.SerializeAsString();
  const std::string body =
      std::string(1, '\0') + BigEndian(static_cast<uint32_t>(message.size())) + message;
  Send(Frame(kHeaders, kEndHeaders, next_stream_, headers) + Frame(kData, 0, next_stream_, body));
  next_stream_ += 2;
}

void MuteClient::Send(const std::string& bytes) {
  boost::asio::write(socket_, boost::asio::buffer(bytes));
}

}  // namespace belfry
