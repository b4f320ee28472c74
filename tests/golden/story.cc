#include "tests/golden/story.h"

#include <charconv>
#include <optional>
#include <sstream>
#include <utility>

#include "scheduler/base/status_macros.h"
#include "scheduler/schedule/go_duration.h"
#include "spdlog/fmt/fmt.h"

namespace belfry::golden {
namespace {

constexpr std::string_view kIndent = "    ";

absl::Status NotUnderstood(const std::string& what) { return absl::InvalidArgumentError(what); }

// Splits at blanks, except within double quotes, which are taken off.
std::vector<std::string> Split(const std::string& line) {
  std::vector<std::string> words;
  bool is_quoted = false;
  bool in_word = false;
  for (const char c : line) {
    if (c == '"') {
      is_quoted = !is_quoted;
      continue;
    }
    if (c == ' ' && !is_quoted) {
      in_word = false;
      continue;
    }
    if (!std::exchange(in_word, true)) words.emplace_back();
    words.back().push_back(c);
  }
  return words;
}

absl::StatusOr<uint32_t> ParseNumber(const std::string& text) {
  uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) {
    return NotUnderstood(fmt::format("\"{}\" is not a number", text));
  }
  return number;
}

// "drop", or "retry:<interval>:<most>", where <most> may be "forever".
absl::StatusOr<dapr::proto::common::v1::JobFailurePolicy> ParsePolicy(const std::string& text) {
  dapr::proto::common::v1::JobFailurePolicy policy;
  if (text == "drop") {
    policy.mutable_drop();
    return policy;
  }
  const size_t first = text.find(':');
  const size_t second = text.rfind(':');
  if (text.substr(0, first) != "retry" || first == second) {
    return NotUnderstood(
        fmt::format("policy \"{}\" is neither drop nor retry:<interval>:<most>", text));
  }
  ASSIGN_OR_RETURN(const absl::Duration interval,
                   ParseGoDuration(text.substr(first + 1, second - first - 1)));
  auto* constant = policy.mutable_constant();
  constant->mutable_interval()->set_seconds(absl::ToInt64Seconds(interval));
  constant->mutable_interval()->set_nanos(
      static_cast<int32_t>(absl::ToInt64Nanoseconds(interval % absl::Seconds(1))));
  if (const std::string most = text.substr(second + 1); most != "forever") {
    ASSIGN_OR_RETURN(const uint32_t retries, ParseNumber(most));
    constant->set_max_retries(retries);
  }
  return policy;
}

absl::StatusOr<absl::Time> ParseStart(const std::string& line) {
  const auto words = Split(line);
  absl::Time start;
  std::string error;
  if (words.size() != 2 || words[0] != "start" ||
      !absl::ParseTime(absl::RFC3339_full, words[1], &start, &error)) {
    return NotUnderstood("the first command must be: start <RFC 3339 time>");
  }
  return start;
}

}  // namespace

class Story::StoryWatcher final : public Watcher {
 public:
  StoryWatcher(Story* story, std::string name) : story_(story), name_(std::move(name)) {}

  void Send(dapr::proto::scheduler::v1::WatchJobsResponse trigger) override {
    story_->Note(fmt::format("{} gets trigger {}: {}", name_, trigger.id(), trigger.name()));
  }
  size_t unsent_bytes() const override { return 0; }

  WatcherId id = 0;

 private:
  Story* const story_;
  const std::string name_;
};

Story::Story(absl::Time start)
    : scheduler_(absl::FormatTime(absl::RFC3339_full, start, absl::UTCTimeZone()).c_str()) {}

absl::StatusOr<std::string> Story::Tell(std::string_view text) {
  std::istringstream lines{std::string(text)};
  std::string transcript;
  std::unique_ptr<Story> story;
  std::string line;
  for (int number = 1; std::getline(lines, line); ++number) {
    if (line.starts_with(' ')) continue;  // an effect of the last time
    transcript += line + "\n";
    if (line.empty() || line.starts_with('#')) continue;
    absl::Status status;
    if (story == nullptr) {
      const auto start = ParseStart(line);
      status = start.status();
      if (start.ok()) story.reset(new Story(*start));
    } else {
      status = story->Run(Split(line));
    }
    if (!status.ok()) {
      return NotUnderstood(
          fmt::format("line {}: \"{}\": {}", number, line, std::string(status.message())));
    }
    for (const std::string& effect : std::exchange(story->effects_, {})) {
      transcript.append(kIndent).append(effect).append("\n");
    }
  }
  return transcript;
}

absl::Status Story::Run(const Words& words) {
  const std::string& command = words[0];
  if (command == "schedule") return Schedule(words);
  if (command == "watch") return Watch(words);
  if (command == "ack") return Answer(words, Outcome::kSuccess);
  if (command == "fail") return Answer(words, Outcome::kFailed);
  if (words.size() == 1) {
    if (command == "list") {
      const auto names = scheduler_.List();
      Note(names.empty() ? "no jobs" : fmt::format("{}", fmt::join(names, ", ")));
      return absl::OkStatus();
    }
    if (command != "kill" && command != "power-cut") return NotUnderstood("no such command");
    watchers_.clear();
    command == "kill" ? scheduler_.Kill() : scheduler_.LosePower();
    return absl::OkStatus();
  }
  if (words.size() != 2) return NotUnderstood("one word must follow");
  if (command == "app") {
    scheduler_.app = words[1];
    return absl::OkStatus();
  }
  if (command == "actor-type") {
    scheduler_.actor_type = words[1];
    return absl::OkStatus();
  }
  if (command == "delete" || command == "delete-prefix") {
    NoteReply(command == "delete" ? scheduler_.Delete(words[1])
                                  : scheduler_.DeletePrefix(words[1]));
    return absl::OkStatus();
  }
  if (command == "unwatch") {
    const auto watcher = watchers_.extract(words[1]);
    if (watcher.empty()) return NotUnderstood("no such watcher");
    scheduler_.loop->RemoveWatcher(watcher.mapped()->id);
    scheduler_.RunUntilIdle();
    return absl::OkStatus();
  }
  if (command != "advance" && command != "set-clock") return NotUnderstood("no such command");
  ASSIGN_OR_RETURN(const absl::Duration duration, ParseGoDuration(words[1]));
  if (command == "advance") return Advance(duration);
  scheduler_.clock.StepTo(scheduler_.clock.Now() + duration);
  scheduler_.RunUntilIdle();
  return absl::OkStatus();
}

absl::Status Story::Schedule(const Words& words) {
  if (words.size() < 3) return NotUnderstood("a name and a time or schedule must follow");
  JobText job;
  bool overwrite = false;
  for (size_t i = 2; i < words.size(); ++i) {
    const size_t equals = words[i].find('=');
    const std::string field = words[i].substr(0, equals);
    const std::string value = equals == std::string::npos ? "" : words[i].substr(equals + 1);
    if (field == "overwrite") {
      overwrite = true;
    } else if (field == "schedule") {
      job.schedule = value;
    } else if (field == "due") {
      job.due_time = value;
    } else if (field == "ttl") {
      job.ttl = value;
    } else if (field == "key") {
      job.concurrency_key = value;
    } else if (field == "repeats") {
      ASSIGN_OR_RETURN(job.repeats, ParseNumber(value));
    } else if (field == "policy") {
      ASSIGN_OR_RETURN(auto policy, ParsePolicy(value));
      job.policy = [policy](auto* to) { *to = policy; };
    } else {
      return NotUnderstood(fmt::format("no such field: \"{}\"", field));
    }
  }
  NoteReply(scheduler_.Schedule(words[1], job, overwrite));
  return absl::OkStatus();
}

absl::Status Story::Watch(const Words& words) {
  if (words.size() < 2) return NotUnderstood("a name must follow");
  std::vector<ConcurrencyLimit> limits;
  for (size_t i = 2; i < words.size(); ++i) {
    const size_t equals = words[i].find('=');
    if (equals == std::string::npos || !words[i].starts_with("limit")) {
      return NotUnderstood("a limit is limit=<most> or limit:<key>=<most>");
    }
    const std::string field = words[i].substr(0, equals);
    ASSIGN_OR_RETURN(const uint32_t most, ParseNumber(words[i].substr(equals + 1)));
    const size_t colon = field.find(':');
    limits.push_back(
        {scheduler_.Target(), colon == std::string::npos ? "" : field.substr(colon + 1), most});
  }
  auto watcher = std::make_shared<StoryWatcher>(this, words[1]);
  if (!watchers_.emplace(words[1], watcher).second) return NotUnderstood("it watches already");
  watcher->id = scheduler_.loop->AddWatcher(watcher, {scheduler_.Target()}, std::move(limits));
  scheduler_.RunUntilIdle();
  return absl::OkStatus();
}

absl::Status Story::Answer(const Words& words, Outcome outcome) {
  if (words.size() != 3) return NotUnderstood("a watcher and a trigger must follow");
  const auto watcher = watchers_.find(words[1]);
  if (watcher == watchers_.end()) return NotUnderstood("no such watcher");
  ASSIGN_OR_RETURN(const uint32_t trigger, ParseNumber(words[2]));
  scheduler_.loop->Settle(watcher->second->id, trigger, outcome);
  scheduler_.RunUntilIdle();
  return absl::OkStatus();
}

absl::Status Story::Advance(absl::Duration duration) {
  if (duration < absl::ZeroDuration()) return NotUnderstood("time does not run backwards");
  // As the loop sleeps, so that everything happens at its time.
  while (duration > absl::ZeroDuration()) {
    const absl::Duration sleep = scheduler_.loop->RunOnce();
    const absl::Duration step = std::min(duration, std::max(sleep, absl::Nanoseconds(1)));
    scheduler_.Advance(step);
    duration -= step;
  }
  return absl::OkStatus();
}

void Story::Note(const std::string& effect) { effects_.push_back(Clock() + "  " + effect); }

void Story::NoteReply(const absl::Status& status) {
  Note(status.ok() ? "ok" : std::string(status.message()));
}

std::string Story::Clock() {
  return absl::FormatTime("%H:%M:%E*S", scheduler_.clock.Now(), absl::UTCTimeZone());
}

}  // namespace belfry::golden
