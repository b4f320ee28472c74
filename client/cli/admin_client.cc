#include "client/cli/admin_client.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>

#include "client/src/channel.h"
#include "client/src/security.h"
#include "grpcpp/create_channel_posix.h"
#include "grpcpp/support/channel_arguments.h"

namespace belfry {

namespace {

constexpr int kNoMessageLimit = -1;

std::string SocketPath(const AdminOptions& options) {
  return options.socket.empty() ? options.data_dir + "/admin.sock" : options.socket;
}

// A descriptor that does not block, connected to the socket.
absl::StatusOr<int> Connect(const std::string& path) {
  sockaddr_un address = {};
  if (path.size() >= sizeof(address.sun_path)) {
    return absl::InvalidArgumentError("\"" + path + "\" is too long for a socket");
  }
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return absl::ErrnoToStatus(errno, "cannot make a socket");
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0 &&
      ::fcntl(fd, F_SETFL, O_NONBLOCK) == 0) {
    return fd;
  }
  const int error = errno;
  ::close(fd);
  return absl::UnavailableError(
      "cannot connect to \"" + path + "\": " + std::strerror(error) +
      "; is the scheduler running on this machine, and is --data-dir its data directory?");
}

}  // namespace

absl::StatusOr<std::unique_ptr<v1::Admin::Stub>> ConnectToAdmin(const AdminOptions& options) {
  if (options.tls.has_value()) {
    client::Security security(options.tls);
    const auto current = security.Current();
    if (!current.ok()) return current.status();
    return v1::Admin::NewStub(
        client::MakeChannel(options.address, client::ChannelUse::kCalls, **current));
  }
  const std::string path = SocketPath(options);
  auto fd = Connect(path);
  if (!fd.ok()) return fd.status();
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kNoMessageLimit);
  arguments.SetMaxSendMessageSize(kNoMessageLimit);
  return v1::Admin::NewStub(grpc::CreateCustomInsecureChannelFromFd("localhost", *fd, arguments));
}

void SetTimeout(const AdminOptions& options, grpc::ClientContext* context) {
  context->set_deadline(std::chrono::system_clock::now() +
                        absl::ToChronoMilliseconds(options.timeout));
}

}  // namespace belfry
