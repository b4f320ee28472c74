// belfry-golden: tells stories of the scheduler's core and compares them with their transcripts.

#include <cstdio>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "spdlog/spdlog.h"
#include "tests/golden/story.h"

namespace belfry::golden {
namespace {

// Shows the first line in which two transcripts differ.
void ShowDifference(const std::string& path, const std::string& expected,
                    const std::string& actual) {
  std::istringstream expected_lines(expected);
  std::istringstream actual_lines(actual);
  std::string expected_line;
  std::string actual_line;
  for (int number = 1;; ++number) {
    const bool more_expected = static_cast<bool>(std::getline(expected_lines, expected_line));
    const bool more_actual = static_cast<bool>(std::getline(actual_lines, actual_line));
    if (!more_expected && !more_actual) return;
    if (more_expected && more_actual && expected_line == actual_line) continue;
    fmt::print("{}:{}:\n  expected: {}\n  actual:   {}\n", path, number,
               more_expected ? expected_line : "(the end)",
               more_actual ? actual_line : "(the end)");
    return;
  }
}

// Whether the story goes as its file says, or was rewritten.
bool Check(const std::string& path, bool rewrite) {
  std::ostringstream expected;
  if (std::ifstream file(path); !file || !(expected << file.rdbuf())) {
    fmt::print("{}: cannot be read\n", path);
    return false;
  }
  const auto actual = Story::Tell(expected.str());
  if (!actual.ok()) {
    fmt::print("{}: {}\n", path, std::string(actual.status().message()));
    return false;
  }
  if (*actual == expected.str()) return true;
  if (!rewrite) {
    ShowDifference(path, expected.str(), *actual);
    fmt::print("if the new behaviour is meant: belfry-golden --rewrite {}\n", path);
    return false;
  }
  std::ofstream file(path);
  file << *actual;
  file.close();
  fmt::print("{}: {}\n", path, file ? "rewritten" : "cannot be written");
  return static_cast<bool>(file);
}

}  // namespace
}  // namespace belfry::golden

int main(int argc, char** argv) {
  std::vector<std::string> paths;
  bool rewrite = false;
  CLI::App app("Compares what the scheduler's core does with the transcripts of stories");
  app.add_option("story", paths, "files with a script and its transcript")->required();
  app.add_flag("--rewrite", rewrite,
               "put what happens now into the files; read the difference before you commit it");
  CLI11_PARSE(app, argc, argv);
  spdlog::set_level(spdlog::level::off);
  bool all_well = true;
  for (const std::string& path : paths) {
    all_well = belfry::golden::Check(path, rewrite) && all_well;
  }
  return all_well ? 0 : 1;
}
