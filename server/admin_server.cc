#include "server/admin_server.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "client/net/grpc_connections.h"
#include "fmt/format.h"
#include "grpcpp/security/server_credentials.h"
#include "grpcpp/server_builder.h"
#include "scheduler/base/status_macros.h"
#include "server/grpc_server.h"
#include "server/server_shutdown.h"

namespace belfry::server {
namespace {

constexpr mode_t kSocketMode = 0600;
constexpr int kUnlimited = -1;
// One byte is for the end of the text.
constexpr size_t kMaxPathBytes = sizeof(sockaddr_un::sun_path) - 1;

absl::Status CheckLength(const std::string& path) {
  if (path.size() <= kMaxPathBytes) return absl::OkStatus();
  return absl::InvalidArgumentError(
      fmt::format("admin socket \"{}\": the path has {} bytes, a socket's has at most {}; give a "
                  "shorter one with --admin-socket",
                  path, path.size(), kMaxPathBytes));
}

bool IsListenedOn(const std::string& path) {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  const int result = ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  ::close(fd);
  return result == 0;
}

// Removes what a process that was killed has left.
absl::Status RemoveStale(const std::string& path) {
  struct stat info = {};
  if (::lstat(path.c_str(), &info) != 0) {
    if (errno == ENOENT) return absl::OkStatus();
    return absl::ErrnoToStatus(errno, fmt::format("cannot look at admin socket \"{}\"", path));
  }
  if (!S_ISSOCK(info.st_mode)) {
    return absl::FailedPreconditionError(
        fmt::format("admin socket \"{}\": there is a file of that name already", path));
  }
  if (IsListenedOn(path)) {
    return absl::FailedPreconditionError(
        fmt::format("admin socket \"{}\": another process listens on it", path));
  }
  if (::unlink(path.c_str()) == 0) return absl::OkStatus();
  return absl::ErrnoToStatus(errno, fmt::format("cannot remove admin socket \"{}\"", path));
}

}  // namespace

absl::StatusOr<std::unique_ptr<AdminServer>> AdminServer::Start(const std::string& path,
                                                                grpc::Service* service) {
  RETURN_IF_ERROR(CheckLength(path));
  RETURN_IF_ERROR(RemoveStale(path));
  grpc::ServerBuilder builder;
  builder.SetMaxReceiveMessageSize(kUnlimited);
  builder.SetMaxSendMessageSize(kUnlimited);
  net::AcceptorOptions options;
  options.take = net::HandOver(&builder, grpc::InsecureServerCredentials());
  builder.RegisterService(service);
  auto sockets = net::ListeningSockets::OnPath(path, kSocketMode);
  if (!sockets.ok()) {
    return absl::UnavailableError(
        fmt::format("admin socket: {}", std::string(sockets.status().message())));
  }
  std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr) return absl::UnavailableError("cannot start the admin server");
  auto acceptor =
      std::make_unique<net::ConnectionAcceptor>(*std::move(sockets), std::move(options));
  return std::unique_ptr<AdminServer>(
      new AdminServer(std::move(server), std::move(acceptor), path));
}

AdminServer::AdminServer(std::unique_ptr<grpc::Server> server,
                         std::unique_ptr<net::ConnectionAcceptor> acceptor, std::string path)
    : server_(std::move(server)), acceptor_(std::move(acceptor)), path_(std::move(path)) {}

void AdminServer::Shutdown(absl::Duration drain) {
  acceptor_.reset();
  ShutDownServer(server_.get(), drain, [this](const sockaddr_storage& local) {
    const auto& address = reinterpret_cast<const sockaddr_un&>(local);
    return local.ss_family == AF_UNIX && path_ == address.sun_path;
  });
  ::unlink(path_.c_str());
}

}  // namespace belfry::server
