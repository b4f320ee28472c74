#include "tests/sim/population.h"

#include "scheduler/base/check.h"
#include "spdlog/fmt/fmt.h"

namespace belfry::sim {
namespace {

using dapr::proto::scheduler::v1::JobMetadata;

constexpr int kActors = 2;

std::string DrawActor(Random& random, int group) {
  return group == kActorGroup ? fmt::format("c{}", random.Below(kActors)) : "";
}

}  // namespace

TargetKey GroupOf(int group) {
  switch (group) {
    case 0:
      return {TargetKind::kApp, "ns", "shop"};
    case 1:
      return {TargetKind::kApp, "ns", "shop2"};
    case 2:
      return {TargetKind::kApp, "ns-1", "shop"};
    default:
      return {TargetKind::kActor, "ns", "Cart"};
  }
}

std::string Name::ToString() const { return fmt::format("{}/{}/{}", group, actor, name); }

const std::vector<std::string>& ConcurrencyKeys() {
  static const std::vector<std::string> kKeys = {"", "k", "k||2"};
  return kKeys;
}

JobMetadata MetadataOf(int group, const std::string& actor, const std::string& concurrency_key) {
  const TargetKey key = GroupOf(group);
  JobMetadata metadata;
  if (!concurrency_key.empty()) metadata.set_concurrency_key(concurrency_key);
  metadata.set_namespace_(key.ns);
  metadata.set_app_id("shop");
  if (key.kind == TargetKind::kActor) {
    metadata.mutable_target()->mutable_actor()->set_type(key.name);
    metadata.mutable_target()->mutable_actor()->set_id(actor);
  } else {
    metadata.set_app_id(key.name);
    metadata.mutable_target()->mutable_job();
  }
  return metadata;
}

Name NameOf(const JobMetadata& metadata, std::string_view name) {
  const bool is_actor = metadata.target().has_actor();
  const std::string& target =
      is_actor ? metadata.target().actor().type() : std::string(metadata.app_id());
  for (int group = 0; group < kGroupCount; ++group) {
    const TargetKey key = GroupOf(group);
    if ((key.kind == TargetKind::kActor) != is_actor) continue;
    if (key.ns != metadata.namespace_() || key.name != target) continue;
    return {group, is_actor ? metadata.target().actor().id() : "", std::string(name)};
  }
  return {-1, "", std::string(name)};
}

bool Area::Contains(const Name& name) const {
  if (name.group != group || !name.name.starts_with(begins)) return false;
  if (any_actor) return true;
  return whole_actor ? name.actor == actor : name.actor.starts_with(actor);
}

std::string Area::Prefix() const {
  const JobMetadata metadata = MetadataOf(group, any_actor ? "" : actor);
  const auto prefix = begins.empty() ? MetadataPrefix(metadata, !any_actor && !whole_actor)
                                     : NamePrefix(metadata, begins);
  CHECK(prefix.ok()) << prefix.status().ToString();
  return *prefix;
}

std::string Area::ToString() const {
  return fmt::format("{}/{}{}/{}*", group, any_actor ? "" : actor,
                     any_actor || !whole_actor ? "*" : "", begins);
}

Name DrawName(Random& random, int groups, int names) {
  Name name;
  name.group = random.Below(groups);
  name.actor = DrawActor(random, name.group);
  // Some contain what a user might take for a separator.
  name.name = fmt::format("{}{}{}", random.OneIn(2) ? 'a' : 'b', random.OneIn(4) ? "||" : "",
                          random.Below(names));
  return name;
}

Area DrawArea(Random& random, int groups) {
  if (random.OneIn(3)) return DrawOwner(random, groups);
  Area area;
  area.group = random.Below(groups);
  if (area.group == kActorGroup) {
    area.any_actor = false;
    area.whole_actor = random.OneIn(2);
    area.actor = area.whole_actor ? DrawActor(random, area.group) : "c";
    if (!area.whole_actor) return area;
  }
  static const std::vector<std::string> kBeginnings = {"a", "b", "a0", "b1", "a||"};
  area.begins = random.Pick(kBeginnings);
  return area;
}

Area DrawOwner(Random& random, int groups) {
  Area area;
  area.group = random.Below(groups);
  if (area.group == kActorGroup && random.OneIn(2)) {
    area.any_actor = false;
    area.actor = DrawActor(random, area.group);
  }
  return area;
}

Area WholeGroup(int group) {
  Area area;
  area.group = group;
  return area;
}

}  // namespace belfry::sim
