#include "tests/crash/journal.h"

#include <algorithm>
#include <sstream>
#include <utility>

#include "absl/time/clock.h"

namespace belfry::crash {
namespace {

std::string Micros(absl::Time time) { return std::to_string(absl::ToUnixMicros(time)); }

}  // namespace

// One line each:
//   ask NAME REVISION DUE    ok NAME ANSWERED    got NAME REVISION ARRIVED OPENED
//   settled NAME REVISION NOTICED
// Times are microseconds since 1970.
Journal::Journal(const std::string& path) : path_(path), file_(path) {}

void Journal::Write(const std::string& line) { file_ << line << std::endl; }

int Journal::Ask(const std::string& name, bool is_delete, absl::Time due) {
  const std::lock_guard lock(mutex_);
  const int revision = is_delete ? 0 : ++last_revision_;
  Write("ask " + name + " " + std::to_string(revision) + " " + Micros(due));
  return revision;
}

void Journal::Acknowledge(const std::string& name) {
  const std::lock_guard lock(mutex_);
  ++acknowledged_;
  Write("ok " + name + " " + Micros(absl::Now()));
}

void Journal::Delivered(const Delivery& delivery) {
  const std::lock_guard lock(mutex_);
  delivered_.emplace(delivery.name, delivery.revision);
  Write("got " + delivery.name + " " + std::to_string(delivery.revision) + " " +
        Micros(delivery.arrived) + " " + Micros(delivery.stream_opened));
}

void Journal::Settled(const std::string& name, int revision) {
  const std::lock_guard lock(mutex_);
  Write("settled " + name + " " + std::to_string(revision) + " " + Micros(absl::Now()));
}

size_t Journal::acknowledged_count() const {
  const std::lock_guard lock(mutex_);
  return acknowledged_;
}

bool Journal::has_delivered(const std::string& name, int revision) const {
  const std::lock_guard lock(mutex_);
  return delivered_.count({name, revision}) > 0;
}

Journal::Names Journal::Read() const {
  const std::lock_guard lock(mutex_);
  Names names;
  std::ifstream in(path_);
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line);
    std::string what;
    std::string text;
    words >> what >> text;
    Name& name = names[text];
    const auto read_time = [&words] {
      int64_t micros = 0;
      words >> micros;
      return absl::FromUnixMicros(micros);
    };
    int revision = 0;
    if (what != "ok") words >> revision;
    if (what == "ask") {
      name.entries.push_back({text, revision, read_time(), false, {}});
    } else if (what == "ok") {
      name.entries.back().is_known = true;
      name.entries.back().answered = read_time();
    } else if (what == "got") {
      const absl::Time arrived = read_time();
      name.deliveries[revision].push_back({text, revision, arrived, read_time()});
    } else {
      name.settled.emplace(revision, read_time());
    }
  }
  return names;
}

std::set<int> Journal::Name::Possible() const {
  std::set<int> possible{0};
  for (const Entry& entry : entries) {
    if (entry.is_known) possible.clear();
    possible.insert(entry.revision);
  }
  return possible;
}

std::vector<std::string> Journal::CheckDeliveries() const {
  std::vector<std::string> findings;
  for (const auto& [text, name] : Read()) {
    const auto find = [&, &text = text](int revision, const std::string& what) {
      findings.push_back(text + " revision " + std::to_string(revision) + " " + what);
    };
    for (const auto& [revision, deliveries] : name.deliveries) {
      const auto entry = std::find_if(name.entries.begin(), name.entries.end(),
                                      [revision = revision](const Entry& e) {
                                        return e.revision == revision && revision != 0;
                                      });
      if (entry == name.entries.end()) {
        find(revision, "was delivered and never asked for");
        continue;
      }
      const auto later = std::find_if(std::next(entry), name.entries.end(),
                                      [](const Entry& e) { return e.is_known; });
      const auto settled = name.settled.find(revision);
      for (const Delivery& delivery : deliveries) {
        if (delivery.arrived < entry->due) find(revision, "was early");
        if (later != name.entries.end() && delivery.stream_opened > later->answered) {
          find(revision, "was delivered after it had been replaced or deleted");
        }
        if (settled != name.settled.end() && delivery.stream_opened > settled->second) {
          find(revision, "was delivered again after it had been settled");
        }
      }
    }
  }
  return findings;
}

std::vector<std::string> Journal::CheckList(const std::map<std::string, int>& listed) const {
  std::vector<std::string> findings;
  const Names names = Read();
  for (const auto& [text, name] : names) {
    const std::set<int> possible = name.Possible();
    const auto found = listed.find(text);
    if (found != listed.end()) {
      if (possible.count(found->second) == 0) {
        findings.push_back(text + " is of revision " + std::to_string(found->second));
      }
      continue;
    }
    // A job that was delivered and answered is gone, known or not.
    const bool may_be_gone =
        possible.count(0) > 0 ||
        std::any_of(possible.begin(), possible.end(),
                    [&name = name](int revision) { return name.deliveries.count(revision) > 0; });
    if (!may_be_gone) findings.push_back(text + " is lost");
  }
  for (const auto& [text, revision] : listed) {
    if (names.count(text) == 0) findings.push_back(text + " came from nowhere");
  }
  return findings;
}

std::vector<std::string> Journal::Missing(absl::Time now) const {
  std::vector<std::string> missing;
  for (const auto& [text, name] : Read()) {
    if (name.entries.empty() || !name.entries.back().is_known) continue;
    const Entry& last = name.entries.back();
    const bool is_due = last.revision != 0 && last.due <= now;
    if (is_due && name.deliveries.count(last.revision) == 0) missing.push_back(text);
  }
  return missing;
}

}  // namespace belfry::crash
