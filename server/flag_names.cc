#include "server/flag_names.h"

#include <cctype>

namespace belfry::server {
namespace {

bool HasSingleDash(const std::string& argument) {
  return argument.size() > 2 && argument[0] == '-' &&
         std::isalpha(static_cast<unsigned char>(argument[1])) != 0;
}

}  // namespace

std::string EnvironmentName(std::string_view flag) {
  std::string name = "BELFRY_";
  for (const char c : flag) {
    name += c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  return name;
}

std::vector<std::string> ForCli11(const std::vector<std::string>& arguments) {
  std::vector<std::string> reversed;
  for (auto argument = arguments.rbegin(); argument != arguments.rend(); ++argument) {
    std::string flag = HasSingleDash(*argument) ? "-" + *argument : *argument;
    if (flag.starts_with("--") && flag.ends_with('=')) {
      reversed.emplace_back();
      flag.pop_back();
    }
    reversed.push_back(std::move(flag));
  }
  return reversed;
}

}  // namespace belfry::server
