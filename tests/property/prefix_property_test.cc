// A delete, a list or a watcher reaches the jobs that it names and no others, however the names of
// apps, namespaces, actors and jobs begin: compared with rules about plain texts, first for keys,
// then for a scheduler.

#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <string>
#include <vector>

#include "scheduler/job/job_key.h"
#include "tests/property/settings.h"
#include "tests/support/decode_list.h"
#include "tests/support/manual_scheduler.h"

namespace belfry {
namespace {

using dapr::proto::scheduler::v1::JobMetadata;

constexpr int kKeyTrials = 100000;
constexpr int kRuns = 30;
constexpr int kJobs = 60;
constexpr int kDeletes = 25;

// Few and short, so that one often begins as another does; with what keys are made of, or could be.
std::string Text(Random& random, size_t min_length) {
  static const std::vector<std::string> kParts = {"a",
                                                  "a",
                                                  "b",
                                                  "app",
                                                  "2",
                                                  "-",
                                                  "1",
                                                  "|",
                                                  "||",
                                                  "\xc3\xa9",
                                                  "r",
                                                  "%",
                                                  "\xef\xbf\xbf",
                                                  "\xf4\x8f\xbf\xbf",
                                                  "~"};
  std::string text;
  const auto parts = static_cast<size_t>(random.Below(3)) + min_length;
  for (size_t i = 0; i < parts; ++i) text += kParts[random.Below(kParts.size())];
  return text;
}

struct Whose {
  JobMetadata metadata;
  std::string name;

  bool is_actor() const { return metadata.target().has_actor(); }
  const std::string& ns() const { return metadata.namespace_(); }
  const std::string& app() const { return metadata.app_id(); }
  const std::string& type() const { return metadata.target().actor().type(); }
  const std::string& id() const { return metadata.target().actor().id(); }
};

Whose Draw(Random& random) {
  Whose whose;
  whose.metadata.set_namespace_(Text(random, 1));
  whose.metadata.set_app_id(Text(random, 1));
  if (random.OneIn(2)) {
    whose.metadata.mutable_target()->mutable_actor()->set_type(Text(random, 1));
    whose.metadata.mutable_target()->mutable_actor()->set_id(Text(random, 0));
  } else {
    whose.metadata.mutable_target()->mutable_job();
  }
  whose.name = Text(random, 1);
  return whose;
}

// Whether the two are of one app, or of one actor type: watchers and lists.
bool SameTarget(const Whose& a, const Whose& b) {
  if (a.is_actor() != b.is_actor() || a.ns() != b.ns()) return false;
  return a.is_actor() ? a.type() == b.type() : a.app() == b.app();
}

// What the metadata of a request names: an app; an actor; or, without an id, a type.
bool Named(const Whose& request, const Whose& job) {
  return SameTarget(request, job) &&
         (!request.is_actor() || request.id().empty() || request.id() == job.id());
}

bool NamedByPrefix(const Whose& request, const Whose& job) {
  if (!request.is_actor()) return SameTarget(request, job);
  if (!job.is_actor() || request.ns() != job.ns()) return false;
  if (request.id().empty()) return job.type().starts_with(request.type());
  return job.type() == request.type() && job.id().starts_with(request.id());
}

// The rule for name prefixes; of a type without an id the ids are what is matched.
bool NamedByName(const Whose& request, const std::string& prefix, const Whose& job) {
  if (!Named(request, job)) return false;
  const bool by_id = request.is_actor() && request.id().empty();
  return (by_id ? job.id() : job.name).starts_with(prefix);
}

std::string Print(const Whose& whose) { return whose.metadata.ShortDebugString() + whose.name; }

// A job's relation to a request is more interesting if they have something in common.
Whose DrawNear(Random& random, const Whose& other) {
  Whose whose = Draw(random);
  if (!random.OneIn(4)) whose.metadata.set_namespace_(other.ns());
  if (!random.OneIn(3)) whose.metadata.set_app_id(other.app());
  if (whose.is_actor() && other.is_actor() && !random.OneIn(3)) {
    whose.metadata.mutable_target()->mutable_actor()->set_type(other.type());
  }
  return whose;
}

TEST_CASE("the prefix of a request begins the keys of what it names, and no others") {
  Random random("prefixes of keys");
  std::map<std::string, int> matches;
  for (int i = 0; i < kKeyTrials * Settings().scale; ++i) {
    const Whose request = Draw(random);
    const Whose job = DrawNear(random, request);
    const std::string name_prefix = Text(random, 0);
    INFO(Print(request) << " name prefix " << name_prefix << ", job " << Print(job));
    const std::string key = EncodeJobKey(JobKeyOf(job.metadata, job.name));
    const auto check = [&](const char* what, const absl::StatusOr<std::string>& prefix,
                           bool expected) {
      INFO(what);
      REQUIRE(prefix.ok());
      REQUIRE(key.starts_with(*prefix) == expected);
      matches[what] += expected ? 1 : 0;
    };
    check("list", ListPrefix(request.metadata), Named(request, job));
    check("metadata", MetadataPrefix(request.metadata, false), Named(request, job));
    check("id prefix", MetadataPrefix(request.metadata, true), NamedByPrefix(request, job));
    check("name prefix", NamePrefix(request.metadata, name_prefix),
          NamedByName(request, name_prefix, job));
    REQUIRE(NamespacePart(key) == job.ns());
  }
  // The trials are worth something only if both happen.
  for (const auto& [what, count] : matches) {
    INFO(what);
    CHECK(count > kKeyTrials / 1000);
    CHECK(count < kKeyTrials * Settings().scale / 2);
  }
}

// A scheduler, and the jobs that it must have.
struct Compared {
  void Schedule(const Whose& job) {
    auto spec = ParseJob(text, scheduler.clock.Now());
    REQUIRE(spec.ok());
    std::optional<absl::Status> answer;
    scheduler.loop->Schedule(JobKeyOf(job.metadata, job.name), job.metadata, text, *spec, true,
                             [&](absl::Status status) { answer = status; });
    scheduler.RunUntilIdle();
    REQUIRE((answer.has_value() && answer->ok()));
    std::erase_if(jobs, [&](const Whose& other) {
      return EncodeJobKey(JobKeyOf(other.metadata, other.name)) ==
             EncodeJobKey(JobKeyOf(job.metadata, job.name));
    });
    jobs.push_back(job);
  }

  template <typename Rule>
  void Delete(const absl::StatusOr<std::string>& prefix, const Rule& rule) {
    REQUIRE(prefix.ok());
    std::optional<absl::Status> answer;
    scheduler.loop->DeletePrefix(*prefix, [&](absl::Status status) { answer = status; });
    scheduler.RunUntilIdle();
    REQUIRE((answer.has_value() && answer->ok()));
    std::erase_if(jobs, rule);
  }

  // Every list shows what it must.
  void Check(const std::vector<Whose>& all) {
    for (const Whose& request : all) {
      std::vector<std::string> expected;
      for (const Whose& job : jobs) {
        if (Named(request, job)) expected.push_back(Print(job));
      }
      std::vector<std::string> found;
      scheduler.loop->List(ListPrefix(request.metadata).value(), SIZE_MAX, [&](const auto& list) {
        for (const auto& job : DecodeList(*list))
          found.push_back(Print({job.metadata(), job.name()}));
      });
      scheduler.RunUntilIdle();
      std::sort(expected.begin(), expected.end());
      std::sort(found.begin(), found.end());
      INFO(Print(request));
      REQUIRE(found == expected);
    }
  }

  ManualScheduler scheduler;
  dapr::proto::scheduler::v1::Job text = [] {
    dapr::proto::scheduler::v1::Job job;
    job.set_due_time("1h");
    return job;
  }();
  std::vector<Whose> jobs;
};

TEST_CASE("a scheduler deletes, lists and delivers what is named, and nothing else") {
  Random random("prefixes of a scheduler");
  for (int run = 0; run < kRuns * Settings().scale; ++run) {
    Compared compared;
    std::vector<Whose> all = {Draw(random)};
    while (all.size() < kJobs) all.push_back(DrawNear(random, all[random.Below(all.size())]));
    for (const Whose& job : all) compared.Schedule(job);
    compared.Check(all);
    for (int i = 0; i < kDeletes; ++i) {
      const Whose request = DrawNear(random, all[random.Below(all.size())]);
      const std::string prefix = Text(random, 1);
      switch (random.Below(3)) {
        case 0:
          compared.Delete(MetadataPrefix(request.metadata, false),
                          [&](const Whose& job) { return Named(request, job); });
          break;
        case 1:
          compared.Delete(MetadataPrefix(request.metadata, true),
                          [&](const Whose& job) { return NamedByPrefix(request, job); });
          break;
        default:
          compared.Delete(NamePrefix(request.metadata, prefix),
                          [&](const Whose& job) { return NamedByName(request, prefix, job); });
      }
      if (i % 5 == 0) compared.scheduler.Kill();
    }
    compared.Check(all);

    // Each trigger reaches a watcher of its target.
    std::vector<std::shared_ptr<RecordingWatcher>> watchers;
    for (const Whose& job : all) {
      watchers.push_back(std::make_shared<RecordingWatcher>());
      compared.scheduler.loop->AddWatcher(watchers.back(), {ParseTarget(job.metadata).value()});
    }
    compared.scheduler.Advance(absl::Hours(1));
    size_t delivered = 0;
    for (size_t i = 0; i < all.size(); ++i) {
      for (const auto& trigger : watchers[i]->triggers) {
        ++delivered;
        REQUIRE(SameTarget(all[i], {trigger.metadata(), trigger.name()}));
      }
    }
    REQUIRE(delivered == compared.jobs.size());
  }
}

}  // namespace
}  // namespace belfry
