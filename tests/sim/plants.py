"""The planted bugs: each is one that the simulator must find, or it is not worth its time.

An edit is (file, right text, wrong text); PLANTED stands for "this bug is switched on". The right
text must occur exactly once.
"""

from typing import NamedTuple

DELIVERY = "scheduler/engine/engine_delivery.cc"
ENGINE = "scheduler/engine/engine.cc"
GROUPS = "scheduler/engine/engine_groups.cc"
LOOP = "scheduler/loop/scheduler_loop.cc"
REQUESTS = "scheduler/engine/engine_requests.cc"
SYNCER = "scheduler/loop/syncer.cc"
TURN_BATCH = "scheduler/store/turn_batch.cc"
WINDOW = "scheduler/engine/window.cc"


class Plant(NamedTuple):
    name: str
    story: str
    edits: tuple


PLANTS = (
    Plant(
        "reply-before-sync",
        "requests are answered as soon as their changes are written",
        (
            (
                SYNCER,
                "if (status.ok() && sequence > durable_) {",
                "if (status.ok() && sequence > durable_ && !PLANTED) {",
            ),
        ),
    ),
    Plant(
        "refusal-before-sync",
        "a refusal tells of a job that is not durable yet",
        (
            (
                LOOP,
                "for (Answer& answer : effects.answers) {",
                "for (Answer& answer : effects.answers) {"
                " if (PLANTED && !answer.status.ok()) {"
                " answer.reply(std::move(answer.status)); continue; }",
            ),
        ),
    ),
    Plant(
        "read-before-sync",
        "Get and List show what is not durable yet",
        (
            (
                LOOP,
                "syncer_.WhenDurable(syncer_.announced(), [reply",
                "syncer_.WhenDurable(PLANTED ? 0 : syncer_.announced(), [reply",
            ),
        ),
    ),
    Plant(
        "end-before-sync",
        "replies tell that a job is over whose last answer is not durable yet",
        (
            (
                DELIVERY,
                "foreground_ = true;\n  DeleteName(in_flight.job_key);",
                "foreground_ = foreground_ || !PLANTED;\n  DeleteName(in_flight.job_key);",
            ),
        ),
    ),
    Plant(
        "restart-before-sync",
        "a restart answers from what the killed process had not made durable",
        (
            (
                LOOP,
                "RETURN_IF_ERROR(store_->Sync());\n"
                "    RETURN_IF_ERROR(engine_.Recover(clock_->Now()));",
                "if (!PLANTED) RETURN_IF_ERROR(store_->Sync());\n"
                "    RETURN_IF_ERROR(engine_.Recover(clock_->Now()));",
            ),
        ),
    ),
    Plant(
        "counter-kept-on-overwrite",
        "an overwritten job goes on counting where the old one was",
        (
            (
                REQUESTS,
                "if (old.has_value()) {\n    RETURN_IF_ERROR(EraseJob(event.job_key, *old));",
                "std::optional<Counter> kept; if (old.has_value()) {\n"
                "if (PLANTED) { ASSIGN_OR_RETURN(kept, batch_.GetCounter(old->job_id)); }"
                " RETURN_IF_ERROR(EraseJob(event.job_key, *old));",
            ),
            (
                REQUESTS,
                "batch_.PutJob(id, std::move(event.record));",
                "batch_.PutJob(id, std::move(event.record));"
                " if (kept.has_value()) { kept->tick = kept->due = *first;"
                " batch_.PutCounter(id, *kept); }",
            ),
        ),
    ),
    Plant(
        "early-by-a-tick",
        "what is due in the next microsecond counts as due",
        (
            (
                ENGINE,
                "due_targets_.front().time <= now)",
                "due_targets_.front().time <= now + absl::Microseconds(PLANTED ? 1 : 0))",
            ),
            (
                DELIVERY,
                "target.startable.front().time > now)",
                "target.startable.front().time > now + absl::Microseconds(PLANTED ? 1 : 0))",
            ),
        ),
    ),
    Plant(
        "double-in-flight",
        "a scan queues a job again that is in flight",
        (
            (
                WINDOW,
                "if (Contains(entry.id) || known(entry.id)) continue;",
                "if (Contains(entry.id) || (known(entry.id) && !PLANTED)) continue;",
            ),
            (
                DELIVERY,
                "InFlight& in_flight = in_flight_[position.id];",
                "if (PLANTED) in_flight_.erase(position.id);"
                " InFlight& in_flight = in_flight_[position.id];",
            ),
        ),
    ),
    Plant(
        "refill-skips-insert",
        "a job that is added while its stretch of the index is being read is passed over",
        (
            (
                WINDOW,
                "if (!scan_pending_) return;\n  // The scan",
                "if (!scan_pending_ || PLANTED) return;\n  // The scan",
            ),
        ),
    ),
    Plant(
        "window-ends-in-tie",
        "the window's end is a bare time, so the rest of a tie is passed over",
        (
            (
                WINDOW,
                "++end.id;",
                "end.id = PLANTED ? UINT64_MAX : end.id + 1;",
            ),
        ),
    ),
    Plant(
        "mark-not-lowered",
        "a job that is due before its group's mark is lost after a restart",
        (
            (
                GROUPS,
                "if (position.time < group.mark) {",
                "if (position.time < group.mark &&"
                " (!PLANTED || group.mark == absl::InfiniteFuture())) {",
            ),
        ),
    ),
    Plant(
        "stale-entry-fired",
        "a settled tick leaves its index entry behind, and it fires again",
        (
            (
                DELIVERY,
                "batch_.DeleteDue(group.id, in_flight.position());\n  Drop(in_flight);\n  AddEntry",
                "if (!PLANTED) batch_.DeleteDue(group.id, in_flight.position());\n"
                "  Drop(in_flight);\n  AddEntry",
            ),
            (
                DELIVERY,
                "if (job.counter.has_value() && job.counter->due != in_flight.due) {",
                "if (job.counter.has_value() && job.counter->due != in_flight.due && !PLANTED) {",
            ),
        ),
    ),
    Plant(
        "late-load-mixed-up",
        "what an earlier load of a job found is taken for what the present one finds",
        (
            (
                DELIVERY,
                "it->second.load_id != job.load_id) {",
                "(it->second.load_id != job.load_id && !PLANTED)) {",
            ),
        ),
    ),
    Plant(
        "first-put-wins",
        "of a create and an overwrite of one key in one turn, the create comes last",
        (
            (
                TURN_BATCH,
                "batch_.Put(Table::kNames, job_key, EncodeName(entry));",
                "const auto earlier = names_.find(job_key);"
                " if (!PLANTED || earlier == names_.end() || !earlier->second.has_value())"
                " batch_.Put(Table::kNames, job_key, EncodeName(entry));",
            ),
        ),
    ),
    Plant(
        "lost-wakeup",
        "the first watcher of an offline group does not wake it",
        (
            (
                DELIVERY,
                "if (!group.window.open()) OpenWindow(group);\n      Touch(group);",
                "if (!group.window.open()) OpenWindow(group);\n"
                "      if (!PLANTED) Touch(group);",
            ),
        ),
    ),
    Plant(
        "reply-without-sync",
        "who comes while the sync that covers it is running waits for one that nobody makes",
        (
            (
                SYNCER,
                "uint64_t target = 0;\n  {",
                "uint64_t target = 0;\n  size_t early = 0;\n  {",
            ),
            (
                SYNCER,
                "target = written_;\n",
                "target = written_;\n    early = waiters_.size();\n",
            ),
            (
                SYNCER,
                "[target](const Waiter& waiter) { return waiter.sequence > target; });",
                "[&](const Waiter& waiter) ABSL_NO_THREAD_SAFETY_ANALYSIS {"
                " return waiter.sequence > target || (PLANTED &&"
                " static_cast<size_t>(&waiter - waiters_.data()) >= early); });",
            ),
        ),
    ),
    Plant(
        "spinning-pause",
        "a job that pauses is queued as if it were due, and the loop spins",
        (
            (
                WINDOW,
                "if (not_before > position.time) {",
                "if (not_before > position.time && !PLANTED) {",
            ),
        ),
    ),
    Plant(
        "limit-off-by-one",
        "a concurrency limit lets one trigger more out",
        (
            (
                GROUPS,
                "target.slots_taken < *max;",
                "target.slots_taken < *max + (PLANTED ? 1 : 0);",
            ),
        ),
    ),
    Plant(
        "key-limit-ignored",
        "only the limit of the whole target counts",
        (
            (
                GROUPS,
                "return !group.max_slots.has_value() ||",
                "return PLANTED || !group.max_slots.has_value() ||",
            ),
        ),
    ),
    Plant(
        "slot-lost-with-stream",
        "a stream that ends keeps the slots of its triggers",
        (
            (
                DELIVERY,
                "GiveBackSlots(trigger.group_id);",
                "if (!PLANTED) GiveBackSlots(trigger.group_id);",
            ),
        ),
    ),
    Plant(
        "slot-lost-on-gone-job",
        "the answer to a job that was deleted or overwritten meanwhile frees no slot",
        (
            (
                DELIVERY,
                "TouchTargetsOf(event.id);\n  GiveBackSlots(trigger->group_id);",
                "TouchTargetsOf(event.id);\n"
                "  if (!PLANTED || in_flight_.contains(trigger->job_id))"
                " GiveBackSlots(trigger->group_id);",
            ),
        ),
    ),
    Plant(
        "slot-lost-wakeup",
        "a slot of a key that becomes free does not wake the jobs that wait for it",
        (
            (
                GROUPS,
                "Touch(group);\n  Touch(target);\n}\n\nvoid Engine::ApplyLimits",
                "if (!PLANTED) Touch(group);\n  Touch(target);\n}\n\nvoid Engine::ApplyLimits",
            ),
        ),
    ),
    Plant(
        "limit-outlives-stream",
        "what waits for a limit is not woken when the last stream that declared it goes",
        (
            (
                DELIVERY,
                "for (uint32_t id : limits_.Withdraw(event.id)) ApplyLimits(*targets_.at(id));",
                "for (uint32_t id : limits_.Withdraw(event.id))"
                " if (!PLANTED) ApplyLimits(*targets_.at(id));",
            ),
        ),
    ),
    Plant(
        "group-given-up-too-soon",
        "a group is given up although its jobs on disk have not been looked at",
        (
            (
                GROUPS,
                "!group.window.covers_all_and_is_empty()",
                "(!group.window.covers_all_and_is_empty() &&"
                " (!PLANTED || group.window.size() > 0))",
            ),
        ),
    ),
    Plant(
        "prefix-delete-eats-newer",
        "the purge of a prefix takes a job that was written after the delete",
        (
            (
                REQUESTS,
                "if (!entry.has_value() || entry->job_id != job.job_id) continue;",
                "if (!entry.has_value() || (entry->job_id != job.job_id && !PLANTED)) continue;",
            ),
        ),
    ),
)
