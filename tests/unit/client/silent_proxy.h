#pragma once

// SilentProxy: forwards TCP connections to a port of 127.0.0.1 until it falls silent; from then on
// it swallows everything and closes nothing, like a machine whose cable was pulled.

#include <atomic>
#include <string>
#include <thread>
#include <vector>

namespace belfry {

// Thread safety: all methods may be called from any thread.
class SilentProxy {
 public:
  explicit SilentProxy(int target_port);
  ~SilentProxy();
  SilentProxy(const SilentProxy&) = delete;
  SilentProxy& operator=(const SilentProxy&) = delete;

  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  void FallSilent() { is_silent_ = true; }
  // How many of the connections were given up by the client's side.
  int closed_by_client() const { return closed_by_client_; }

 private:
  // Accepts and forwards; wakes on traffic and every 20 ms.
  void ThreadMain();

  struct Pair {
    int client;
    int server;
    bool is_closed = false;
  };
  void Accept();
  // Moves what is readable; marks the pair closed at the end of either side.
  void Forward(Pair* pair, bool from_client);

  const int target_port_;
  int listener_ = -1;
  int port_ = 0;
  std::vector<Pair> pairs_;  // the thread's own
  std::atomic<bool> is_silent_ = false;
  std::atomic<bool> is_stopping_ = false;
  std::atomic<int> closed_by_client_ = 0;
  std::thread thread_;
};

}  // namespace belfry
