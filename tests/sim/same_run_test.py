"""One seed must give one run, whatever process it runs in and whatever store it runs over.

usage: same_run_test.py BELFRY_SIM
"""

import re
import subprocess
import sys

SEEDS = range(1, 9)


def run(*arguments):
    command = [sys.argv[1], *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout


def digest(output):
    return re.search(r"digest=(\w+)", output).group(1)


for seed in SEEDS:
    # Two processes: their hash tables have different orders.
    first = run(f"--seed={seed}")
    second = run(f"--seed={seed}")
    if first != second:
        sys.exit(f"seed {seed} gave two runs:\n{first}{second}")
    if not first.startswith(f"seed={seed} "):
        sys.exit(f"seed {seed} was not printed first:\n{first}")
    over_rocksdb = run(f"--seed={seed}", "--store=rocksdb")
    if digest(over_rocksdb) != digest(first):
        sys.exit(f"seed {seed} differs over RocksDB:\n{first}{over_rocksdb}")
