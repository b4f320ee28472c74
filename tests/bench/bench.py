#!/usr/bin/env python3
"""Runs the suite against belfry-scheduler, with the floors of the machine in the same run, and
writes a table, a plot and all results into a folder. Fails if a figure misses its limit.

    tests/bench/bench.py build/release/bin build/bench [--quick] [--stored N]
"""

import argparse
import json
import os
import sys
import time

import bench_gates
import bench_report
import bench_sidecar
import bench_suite as suite
from bench_run import Runner, note


# How often a part of the quick suite is measured before a figure that missed its limit counts: the
# machines that run it for every change do other things too.
QUICK_TRIES = 5


def quick(runner):
    """What can be run between two changes: under three minutes, if nothing is measured again."""
    parts = (
        lambda: suite.schedule(runner, runs=3, seconds=3),
        lambda: suite.schedule_alone(runner, runs=3, seconds=1.5),
        lambda: suite.burst(runner, runs=3, jobs=50000, lead=6),
        lambda: suite.life(runner, runs=3, seconds=3),
        lambda: suite.lateness(runner, runs=3, rate=1000, seconds=5, p50_limit=1),
    )
    for part in parts:
        yield measured(part, QUICK_TRIES)


def measured(part, tries):
    """The rows of a part; of its last try, if all of them missed a limit. What must never happen
    is not tried again: once is too often."""
    for left in reversed(range(tries)):
        rows = part()
        missed = bench_gates.failures(rows)
        if left == 0 or not missed or any(bench_gates.is_forbidden(row) for row in missed):
            return rows
        note("measured again, missed: " + "; ".join(row.name for row in missed))
    raise ValueError(f"tries {tries}: at least one is needed")


def full(runner, stored_jobs):
    yield suite.schedule(runner, runs=5, seconds=8)
    yield suite.schedule(runner, runs=3, seconds=8, in_flight=1024)
    yield suite.schedule(runner, runs=3, seconds=8, in_flight=64)
    yield suite.schedule_alone(runner, runs=5, seconds=4)
    yield suite.burst(runner, runs=5, jobs=100000, lead=23)
    lives = suite.life(runner, runs=5, seconds=8)
    yield lives
    yield suite.sustained_life(runner, floor_rate=lives[0].floor, seconds=60)
    yield suite.ticks(runner, runs=3, jobs=20000, seconds=15, aligned=False)
    yield suite.ticks(runner, runs=3, jobs=10000, seconds=15, aligned=True)
    yield suite.lateness(runner, runs=5, rate=1000, seconds=10, p50_limit=1)
    yield suite.lateness(runner, runs=5, rate=10000, seconds=10, p50_limit=4)
    yield suite.slow_disk(runner, runs=3, rate=1000, seconds=10, delay_ms=100)
    yield suite.mixed(runner, runs=3, rate=1000, seconds=20, others=100000)
    yield bench_sidecar.measure(runner, runs=3, seconds=5, jobs=20000, lead=8)
    for jobs in stored_jobs:
        yield suite.stored(runner, jobs, rss_limit=150 if jobs <= 1_000_000 else 250,
                           ready_limit=1 if jobs <= 1_000_000 else 2)
        yield suite.backlog(runner, jobs, rss_limit=150 if jobs <= 1_000_000 else 250)


def write(out_dir, name, title, runner, rows):
    """The table, the plot, and every line of results."""
    files = {
        "md": bench_report.table(rows, title),
        "svg": bench_report.plot(rows, title),
        "jsonl": "".join(json.dumps(line) + "\n" for line in runner.lines),
    }
    for ending, text in files.items():
        with open(os.path.join(out_dir, f"{name}.{ending}"), "w", encoding="utf-8") as file:
            file.write(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("bin_dir", help="where the programs are")
    parser.add_argument("out_dir", help="where results and scratch data go")
    parser.add_argument("--quick", action="store_true", help="the part that CI runs")
    parser.add_argument("--stored", type=int, nargs="*", default=[1_000_000],
                        help="sizes of the stores with idle jobs")
    args = parser.parse_args()

    os.makedirs(args.out_dir, exist_ok=True)
    runner = Runner(args.bin_dir, args.out_dir)
    began = time.monotonic()
    name = "quick" if args.quick else "full"
    title = f"belfry-scheduler beside the null server ({name} suite, medians)"
    rows = []
    for part in quick(runner) if args.quick else full(runner, args.stored):
        rows += part
        # After each part: a run that is cut off keeps what it has measured.
        write(args.out_dir, name, title, runner, rows)
    note(f"took {time.monotonic() - began:.0f} s")

    print(bench_report.table(rows, title))
    missed = bench_gates.failures(rows)
    for row in missed:
        print(f"missed: {row.name}: {row.value:.4g} {row.unit}, wanted {row.rule} "
              f"({row.limit:.4g})", file=sys.stderr)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
