#include "client/sidecar/unix_socket.h"

#include <fmt/format.h>
#include <sys/un.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <filesystem>
#include <system_error>

namespace belfry::sidecar {
namespace {

constexpr std::size_t kMaxPathBytes = sizeof(sockaddr_un::sun_path) - 1;

bool SomebodyListens(const std::string& path) {
  boost::asio::io_context io;
  boost::asio::local::stream_protocol::socket socket(io);
  boost::system::error_code ec;
  socket.connect(boost::asio::local::stream_protocol::endpoint(path), ec);
  return ec != boost::asio::error::connection_refused;
}

}  // namespace

absl::Status PrepareUnixSocket(const std::string& path) {
  if (path.size() > kMaxPathBytes) {
    return absl::InvalidArgumentError(
        fmt::format("the path of the socket {} is longer than {} bytes", path, kMaxPathBytes));
  }
  std::error_code ec;
  const std::filesystem::path directory = std::filesystem::path(path).parent_path();
  if (!directory.empty() && !std::filesystem::is_directory(directory, ec)) {
    return absl::NotFoundError(
        fmt::format("the directory {} of the socket does not exist", directory.string()));
  }
  const auto status = std::filesystem::symlink_status(path, ec);
  if (!std::filesystem::exists(status)) return absl::OkStatus();
  if (!std::filesystem::is_socket(status)) {
    return absl::UnavailableError(fmt::format("{} is not a socket", path));
  }
  if (SomebodyListens(path)) {
    return absl::UnavailableError(fmt::format("somebody listens on {} already", path));
  }
  if (!std::filesystem::remove(path, ec)) {
    return absl::UnavailableError(
        fmt::format("cannot remove the socket {}: {}", path, ec.message()));
  }
  return absl::OkStatus();
}

}  // namespace belfry::sidecar
