#include "tests/integration/ports.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/json/parse.hpp>
#include <catch2/catch.hpp>
#include <filesystem>
#include <random>
#include <vector>

namespace belfry::integration {
namespace {

constexpr uint16_t kFirstPort = 20000;
constexpr uint16_t kLastPort = 32000;
constexpr int kMaxTries = 100;

bool IsFree(uint16_t port) {
  boost::asio::io_context context;
  boost::asio::ip::tcp::acceptor acceptor(context, boost::asio::ip::tcp::v6());
  boost::system::error_code error;
  acceptor.bind({boost::asio::ip::address_v6::any(), port}, error);
  return !error;
}

// Takes the port's name in the system's abstract socket namespace for as long as this process
// lives; false if a test has it. The SDK tests' driver uses the same names.
bool Hold(uint16_t port) {
  static boost::asio::io_context context;
  static std::vector<boost::asio::local::stream_protocol::socket> held;
  boost::asio::local::stream_protocol::socket holder(context);
  holder.open();
  boost::system::error_code error;
  holder.bind(std::string(1, '\0') + "belfry-test-port-" + std::to_string(port), error);
  if (error) return false;
  held.push_back(std::move(holder));
  return true;
}

}  // namespace

uint16_t FreePort() {
  static std::mt19937 random{std::random_device{}()};
  std::uniform_int_distribution<uint16_t> draw(kFirstPort, kLastPort);
  for (int i = 0; i < kMaxTries; ++i) {
    if (const uint16_t port = draw(random); Hold(port) && IsFree(port)) return port;
  }
  FAIL("no free port found");
  return 0;
}

std::string LoopbackAddress(uint16_t port) { return "127.0.0.1:" + std::to_string(port); }

uint16_t WaitForPort(Process& process, const std::string& ports_file, const std::string& name) {
  const bool there = Eventually([&] {
    return std::filesystem::exists(ports_file) ||
           process.Wait(std::chrono::milliseconds(0)).has_value();
  });
  INFO("ports file " << ports_file);
  REQUIRE(there);
  REQUIRE(std::filesystem::exists(ports_file));
  boost::system::error_code error;
  const boost::json::value ports = boost::json::parse(ReadFile(ports_file), error);
  REQUIRE_FALSE(error);
  return static_cast<uint16_t>(ports.at(name).to_number<int>());
}

}  // namespace belfry::integration
