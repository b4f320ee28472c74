"""The measurements. Each returns rows; floors are taken in turn with what they are floors of."""

import time

import bench_gates as gates
from bench_run import interleaved, median, note, pick

FAR = ("--due-from=3600", "--due-spread=82800")

# How small a store becomes when nothing is left in it, and within which time.
EMPTY_DISK_MB = 150
EMPTY_DISK_SECONDS = 120


# With fewer schedules in flight the disk decides how many of them share a sync, and a null server
# has none: the faster the disk, the smaller the share of the floor.
FULL_BATCHES = 256


def schedule(runner, runs, seconds, in_flight=256):
    note(f"schedule at {in_flight} in flight")
    load = (f"--in-flight={in_flight}", f"--duration={seconds}")
    floor, ours = interleaved(
        runs, lambda: runner.run("floor-rpc", *load)["unary"],
        lambda: runner.fresh("schedule", *load, *FAR))
    rate = median(ours, "schedule", "per_s")
    floor_rate = median(floor, "schedule", "per_s")
    name = f"durable schedules, {in_flight} in flight"
    return [
        gates.at_least_share(name, rate, "/s", floor_rate, 0.6) if in_flight >= FULL_BATCHES
        else gates.told(name, rate, "/s", floor_rate),
        gates.told("its latency p99", median(ours, "schedule", "latency_ms", "p99"), "ms",
                   median(floor, "schedule", "latency_ms", "p99")),
        gates.told("its scheduler CPU per schedule",
                   median([pick(line, "server_cpu_s") / pick(line, "schedule", "ok") * 1e6
                           for line in ours]), "us",
                   median([pick(line, "server_cpu_s") / pick(line, "schedule", "ok") * 1e6
                           for line in floor])),
        gates.counted_zero("its errors", [line["schedule"] for line in ours], "errors"),
    ]


def schedule_alone(runner, runs, seconds):
    note("schedule at 1 in flight")
    load = ("--in-flight=1", "--connections=1", f"--duration={seconds}")
    null, puts, ours = interleaved(
        runs, lambda: runner.run("floor-rpc", *load)["unary"],
        lambda: runner.run("floor-fsync", f"--duration={seconds}", f"--dir={runner.out_dir}"),
        lambda: runner.fresh("schedule", *load, *FAR))
    call = median(null, "schedule", "latency_ms", "p50")
    put = median(puts, "synced_put_ms", "p50")
    return [gates.at_most("durable schedule, 1 in flight, p50",
                          median(ours, "schedule", "latency_ms", "p50"), "ms", call + 3 * put,
                          "<= null call + 3 synced puts", call,
                          f"synced put {put:.2f} ms")]


def burst(runner, runs, jobs, lead):
    note(f"burst of {jobs}")
    load = (f"--jobs={jobs}", f"--lead={lead}")
    floor, ours = interleaved(
        runs, lambda: runner.run("floor-rpc", "--duration=0.1", *load)["stream"],
        lambda: runner.fresh("burst", *load))
    return [
        gates.at_least_share(f"burst of {jobs:,} to the last durable answer",
                             median(ours, "per_s"), "/s", median(floor, "per_s"), 0.6),
        gates.told("its last handler", median(ours, "last_handler_s"), "s",
                   median(floor, "last_handler_s")),
        gates.counted_zero("its errors, duplicates, early triggers", ours, "errors", "duplicates",
                           "early"),
    ]


def life(runner, runs, seconds):
    note("life, closed loop")
    load = (f"--duration={seconds}", "--in-flight=512")
    floor, ours = interleaved(runs, lambda: runner.run("floor-life", *load),
                              lambda: runner.fresh("life", *load))
    return [
        gates.at_least_share("full lives, closed loop", median(ours, "per_s"), "/s",
                             median(floor, "per_s"), 0.5),
        gates.counted_zero("their errors and duplicates", ours, "errors", "duplicates"),
    ]


def sustained_life(runner, floor_rate, seconds):
    """Open loop at half of what the null server does: it must not fall behind."""
    note("life, open loop")
    line = runner.fresh("life", f"--rate={floor_rate / 2:.0f}", f"--duration={seconds}",
                        "--delay=0.5")
    return [
        gates.at_most(f"backlog of full lives after {seconds} s at {floor_rate / 2:,.0f}/s",
                      line["backlog_s"], "s", 2.5, "<= delay of 0.5 s + 2 s"),
        gates.counted_zero("their errors, duplicates, early triggers", [line], "errors",
                           "duplicates", "early"),
    ]


def ticks(runner, runs, jobs, seconds, aligned):
    kind = "aligned on the second" if aligned else "spread"
    note(f"{jobs} ticks a second, {kind}")
    load = [f"--jobs={jobs}", "--period=1", f"--duration={seconds}"]
    if aligned:
        load.append("--aligned")
    ours, = interleaved(runs, lambda: runner.fresh("ticks", *load))
    rows = [gates.counted_zero(f"{jobs:,} ticks a second, {kind}: missing or early", ours,
                               "missing", "early")]
    if aligned:
        rows.append(gates.at_most("their last", median(ours, "lateness_ms", "max"), "ms", 500))
    else:
        rows.append(gates.at_most("their lateness p99", median(ours, "lateness_ms", "p99"), "ms",
                                  250))
        rows.append(gates.at_most("their log bytes per tick", median(ours, "wal_bytes_per_tick"),
                                  "B", 120))
    return rows


def lateness(runner, runs, rate, seconds, p50_limit):
    note(f"lateness at {rate}/s")
    ours, = interleaved(
        runs, lambda: runner.fresh("lateness", f"--rate={rate}", f"--duration={seconds}"))
    floor99 = median(ours, "floor_ms", "p99")
    rows = [
        gates.at_most(f"lateness at {rate:,}/s, p50", median(ours, "lateness_ms", "p50"), "ms",
                      p50_limit, floor=median(ours, "floor_ms", "p50")),
        gates.told("its p99", median(ours, "lateness_ms", "p99"), "ms", floor99),
        gates.told("its p99.9", median(ours, "lateness_ms", "p99_9"), "ms",
                   median(ours, "floor_ms", "p99_9")),
        gates.told("its maximum", median(ours, "lateness_ms", "max"), "ms",
                   median(ours, "floor_ms", "max")),
        gates.counted_zero("its early triggers, errors, duplicates", ours, "early", "errors",
                           "duplicates"),
    ]
    if rate <= 1000:
        rows[1] = gates.at_most("its p99", median(ours, "lateness_ms", "p99"), "ms", floor99 + 10,
                                "<= floor + 10 ms", floor99)
    return rows


def slow_disk(runner, runs, rate, seconds, delay_ms):
    note(f"lateness with {delay_ms} ms in every sync")
    ours, = interleaved(
        runs, lambda: runner.fresh("lateness", f"--rate={rate}", f"--duration={seconds}",
                                   "--schedule-rate=2000", "--payload=1500",
                                   f"--lead={rate * seconds / 1000 + 5}",
                                   slow_disk_ms=delay_ms))
    floor99 = median(ours, "floor_ms", "p99")
    return [
        gates.at_most(f"lateness at {rate:,}/s with {delay_ms} ms in every sync, p99",
                      median(ours, "lateness_ms", "p99"), "ms", floor99 + 20, "<= floor + 20 ms",
                      floor99),
        gates.told("its maximum", median(ours, "lateness_ms", "max"), "ms",
                   median(ours, "floor_ms", "max")),
        gates.counted_zero("its early triggers, errors, duplicates", ours, "early", "errors",
                           "duplicates"),
    ]


def mixed(runner, runs, rate, seconds, others):
    note(f"lateness beside lists and prefix deletes of {others} jobs")
    ours, = interleaved(
        runs, lambda: runner.fresh("mixed", f"--rate={rate}", f"--duration={seconds}",
                                   f"--other-jobs={others}"))
    quiet = median(ours, "quiet_lateness_ms", "p99")
    return [
        gates.at_most(f"lateness beside lists and deletes of {others:,} jobs, p99",
                      median(ours, "busy_lateness_ms", "p99"), "ms", quiet + 20,
                      "<= quiet + 20 ms", quiet),
        gates.told("its list", median(ours, "list_ms", "p50"), "ms"),
        gates.counted_zero("its errors, early triggers", ours, "errors", "early"),
    ]


def stored(runner, jobs, rss_limit, ready_limit):
    """A store with many idle jobs: memory, disk, schedule rate, restart after a kill."""
    note(f"{jobs} stored jobs")
    quick = ("--duration=5", "--in-flight=256", *FAR)
    name = f"{jobs:,} idle jobs"
    with runner.scheduler() as scheduler:
        before = runner.on(scheduler, "schedule", *quick)
        load = runner.on(scheduler, "load", f"--jobs={jobs}", "--in-flight=512", *FAR)
        time.sleep(10)
        rss = scheduler.rss_mb()
        disk = scheduler.disk_mb()
        after = runner.on(scheduler, "schedule", *quick)
        # Due while the scheduler is ready again, and the app with it.
        soon = runner.on(scheduler, "load", "--jobs=100", "--due-from=5", "--due-spread=2")
        scheduler.kill()
        scheduler.start()
        ready = scheduler.ready_seconds
        first = runner.on(scheduler, "drain", "--jobs=100", f"--app-id={soon['app_id']}",
                          f"--run={soon['run']}")
    count = jobs + before["schedule"]["ok"]
    return [
        gates.told(f"loading {name}", load["schedule"]["per_s"], "/s"),
        gates.at_most(f"memory with {name}", rss, "MB", rss_limit),
        gates.at_most(f"disk with {name}, per job", disk * 1e6 / count, "B", 1.6 * 200 + 150,
                      "<= 1.6 x payload + 150 B"),
        gates.at_least_share(f"schedules with {name}", after["schedule"]["per_s"], "/s",
                             before["schedule"]["per_s"], 0.9, "floor: the empty store"),
        gates.at_most(f"ready after kill -9 with {name}", ready, "s", ready_limit),
        gates.at_most("the first triggers after it, lateness p99", first["lateness_ms"]["p99"],
                      "ms", 20),
        gates.counted_zero("their errors, duplicates, early triggers", [first], "errors",
                           "duplicates", "early"),
    ]


def backlog(runner, jobs, rss_limit):
    """An app that comes when all its jobs are due; then what is left on disk and at the head of
    the index behind all that was consumed."""
    note(f"{jobs} due jobs of an app that is away")
    name = f"{jobs:,} due jobs of an app that is away"
    probe = ("--rate=1000", "--duration=5")
    with runner.scheduler() as scheduler:
        before = runner.on(scheduler, "lateness", *probe)
        load = runner.on(scheduler, "load", f"--jobs={jobs}", "--in-flight=512", "--due-from=1",
                         "--due-spread=1")
        time.sleep(5)
        rss = scheduler.rss_mb()
        beside = runner.on(scheduler, "lateness", *probe)
        drain = runner.on(scheduler, "drain", f"--jobs={jobs}", f"--app-id={load['app_id']}",
                          f"--run={load['run']}", "--timeout=3600")
        after = runner.on(scheduler, "lateness", *probe)
        settled = wait_for_disk(scheduler, EMPTY_DISK_MB, EMPTY_DISK_SECONDS)
        disk = scheduler.disk_mb()
    quiet = before["lateness_ms"]["p50"]
    return [
        gates.at_most(f"memory with {name}", rss, "MB", rss_limit),
        gates.at_most("lateness of another app beside them, p50", beside["lateness_ms"]["p50"],
                      "ms", quiet + 1, "<= before + 1 ms", quiet),
        gates.at_most("their first trigger after the first stream", drain["first_handler_s"], "s",
                      1),
        gates.told("their deliveries", drain["per_s"], "/s"),
        gates.counted_zero("their errors, duplicates, early triggers", [drain], "errors",
                           "duplicates", "early"),
        gates.at_most("lateness behind what was consumed, p50", after["lateness_ms"]["p50"], "ms",
                      quiet + 1, "<= before + 1 ms", quiet),
        gates.at_most("disk after everything has fired", disk, "MB", EMPTY_DISK_MB,
                      remark=f"after {settled:.0f} s of {EMPTY_DISK_SECONDS} s"),
    ]


def wait_for_disk(scheduler, megabytes, limit):
    """Seconds until the store is no larger than that, or the limit."""
    began = time.monotonic()
    while scheduler.disk_mb() > megabytes and time.monotonic() - began < limit:
        time.sleep(0.5)
    return time.monotonic() - began
