#pragma once

// Sockets of the loopback interface for tests: an io_context with a thread, a plain client and a
// scripted server.

#include <poll.h>

#include <algorithm>
#include <boost/asio/connect.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <functional>
#include <string>
#include <thread>
#include <vector>

namespace belfry::sidecar {

// An io_context with threads of its own while it lives.
class IoThreads {
 public:
  explicit IoThreads(int count = 2) : work_(io_.get_executor()) {
    for (int i = 0; i < count; ++i) threads_.emplace_back([this] { io_.run(); });
  }
  ~IoThreads() { Stop(); }

  void Stop() {
    io_.stop();
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }
  boost::asio::io_context& io() { return io_; }

 private:
  boost::asio::io_context io_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  std::vector<std::thread> threads_;
};

// A connection that the test reads and writes byte by byte, with a limit on each wait.
class RawConnection {
 public:
  explicit RawConnection(int port) : socket_(io_) {
    socket_.connect(
        {boost::asio::ip::address_v4::loopback(), static_cast<boost::asio::ip::port_type>(port)});
    SetTimeout();
  }
  explicit RawConnection(boost::asio::ip::tcp::acceptor& acceptor) : socket_(io_) {
    acceptor.accept(socket_);
    SetTimeout();
  }

  void Send(const std::string& bytes) {
    boost::system::error_code ignored;
    boost::asio::write(socket_, boost::asio::buffer(bytes), ignored);
  }

  // Reads up to and with `end`; what came until then if the peer closes or is silent.
  std::string ReadUntil(const std::string& end) {
    while (buffer_.find(end) == std::string::npos) {
      if (!ReadSome()) return Take(buffer_.size());
    }
    return Take(buffer_.find(end) + end.size());
  }
  std::string ReadBytes(std::size_t count) {
    while (buffer_.size() < count) {
      if (!ReadSome()) break;
    }
    return Take(std::min(count, buffer_.size()));
  }
  // Reads until the peer closes.
  std::string ReadAll() {
    while (ReadSome()) {
    }
    return Take(buffer_.size());
  }
  // Reads a message with its body, which must have a length.
  std::string ReadMessage() {
    std::string head = ReadUntil("\r\n\r\n");
    const std::size_t at = head.find("Content-Length: ");
    if (at == std::string::npos) return head;
    return head + ReadBytes(static_cast<std::size_t>(std::stoul(head.substr(at + 16))));
  }
  // Has little room for what the peer sends and the test does not read.
  void ShrinkReceiveBuffer() {
    const int bytes = 4096;
    ::setsockopt(socket_.native_handle(), SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
  }
  // Whether the peer has closed by then; what it sends meanwhile is forgotten.
  bool IsClosedWithin(std::chrono::milliseconds limit) {
    pollfd waiting{socket_.native_handle(), POLLIN, 0};
    if (::poll(&waiting, 1, static_cast<int>(limit.count())) <= 0) return false;
    return !ReadSome();
  }
  void Close() {
    boost::system::error_code ignored;
    socket_.close(ignored);
  }

 private:
  void SetTimeout() {
    const timeval limit{10, 0};
    ::setsockopt(socket_.native_handle(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
  }
  bool ReadSome() {
    char bytes[4096];
    // Not through asio, which would wait for ever where the socket's own limit should end it.
    const ssize_t size = ::recv(socket_.native_handle(), bytes, sizeof(bytes), 0);
    if (size <= 0) return false;
    buffer_.append(bytes, static_cast<std::size_t>(size));
    return true;
  }
  std::string Take(std::size_t count) {
    std::string out = buffer_.substr(0, count);
    buffer_.erase(0, count);
    return out;
  }

  boost::asio::io_context io_;
  boost::asio::ip::tcp::socket socket_;
  std::string buffer_;
};

// Listens on a free port and runs a script for the connections, on a thread of its own.
class ScriptedServer {
 public:
  using Acceptor = boost::asio::ip::tcp::acceptor;

  explicit ScriptedServer(std::function<void(Acceptor&)> script)
      : acceptor_(io_, {boost::asio::ip::address_v4::loopback(), 0}),
        port_(acceptor_.local_endpoint().port()),
        thread_([this, script = std::move(script)] { script(acceptor_); }) {}
  ~ScriptedServer() { thread_.join(); }
  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;

  int port() const { return port_; }

 private:
  boost::asio::io_context io_;
  Acceptor acceptor_;
  const int port_;
  std::thread thread_;
};

}  // namespace belfry::sidecar
