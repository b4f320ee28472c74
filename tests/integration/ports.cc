#include "tests/integration/ports.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/json/parse.hpp>
#include <catch2/catch.hpp>
#include <filesystem>
#include <random>

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

}  // namespace

uint16_t FreePort() {
  static std::mt19937 random{std::random_device{}()};
  std::uniform_int_distribution<uint16_t> draw(kFirstPort, kLastPort);
  for (int i = 0; i < kMaxTries; ++i) {
    if (const uint16_t port = draw(random); IsFree(port)) return port;
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
