#include "tests/support/mute_client.h"

#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/write.hpp>

#include "tests/support/http2_frames.h"

namespace belfry {
namespace {

constexpr char kInitialWindowSize = 4;
constexpr uint32_t kLargestWindow = (uint32_t{1} << 31) - 1;
constexpr uint32_t kDefaultWindow = 65535;

}  // namespace

MuteClient MuteClient::ToPort(uint16_t port) {
  return MuteClient(boost::asio::ip::tcp::endpoint(boost::asio::ip::address_v4::loopback(), port));
}

MuteClient MuteClient::ToSocket(const std::string& path) {
  return MuteClient(boost::asio::local::stream_protocol::endpoint(path));
}

MuteClient::MuteClient(const boost::asio::generic::stream_protocol::endpoint& server) {
  socket_.connect(server);
  using http2::BigEndian;
  Send(http2::kPreface +
       http2::Frame(http2::kSettings, 0, 0,
                    BigEndian(kInitialWindowSize, 2) + BigEndian(kLargestWindow)) +
       http2::Frame(http2::kWindowUpdate, 0, 0, BigEndian(kLargestWindow - kDefaultWindow)));
}

void MuteClient::Call(const std::string& method, const google::protobuf::MessageLite& request) {
  const std::string message = request.SerializeAsString();
  const std::string body = http2::MessageHead(static_cast<uint32_t>(message.size())) + message;
  Send(http2::BeginCall(next_stream_, method) + http2::Frame(http2::kData, 0, next_stream_, body));
  next_stream_ += 2;
}

void MuteClient::Send(const std::string& bytes) {
  boost::asio::write(socket_, boost::asio::buffer(bytes));
}

}  // namespace belfry
