"""One seed must give one run, whatever process it runs in.

usage: same_run_test.py BELFRY_SIM [ARGUMENT...]
"""

import subprocess
import sys

SEEDS = range(1, 11)


def run(seed):
    # Hash tables of other processes have other orders; a larger environment moves the addresses.
    command = [*sys.argv[1:], f"--seed={seed}"]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout


for seed in SEEDS:
    first, second = run(seed), run(seed)
    if first != second:
        sys.exit(f"seed {seed} gave two runs:\n{first}{second}")
    if f"seed={seed} " not in first.splitlines()[0] or "digest=" not in first:
        sys.exit(f"seed {seed} was not printed first:\n{first}")
