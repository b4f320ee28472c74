"""Makes the simulator's copy of those core sources in which it changes something.

Limits become variables, so that each run can draw its own; each planted bug (plants.py) is woven in
behind a switch. The sources themselves know nothing of either. A plant whose place has changed is
left out and reported by `belfry-sim --plant=NAME`, so that it can't break the build.

usage: core_copy.py SOURCE_ROOT OUTPUT_ROOT FILE...
"""

import pathlib
import re
import sys

from plants import PLANTS

# Header -> constants that become variables.
LIMITS = {
    "scheduler/base/limits.h": (
        "kMaxMailboxEvents",
        "kMaxEventsPerTurn",
        "kScanEntries",
        "kRefillBelow",
        "kMaxWindowEntries",
        "kMaxTriggersPerTurn",
        "kMaxTriggersPerVisit",
        "kMaxLoading",
        "kLoadChunkJobs",
        "kMaxUnsentBytesPerWatcher",
        "kMaxInFlightPerWatcher",
        "kMaxBackoffs",
        "kIdleGroupsPerTarget",
        "kPurgeSlice",
        "kJobIdReserve",
    ),
    "scheduler/engine/engine_state.h": ("kSettledPerMark",),
}


def with_variable_limits(text, names):
    for name in names:
        text, count = re.subn(rf"inline constexpr (\w+ {name}\b)", r"inline \1", text)
        if count != 1:
            sys.exit(f"limit {name}: no single definition found")
    return text


def weave(files):
    """Puts the plants into `files` (path -> text); returns those that found no place."""
    missing = []
    for plant in PLANTS:
        switch = f'::belfry::sim::Planted("{plant.name}")'
        if any(files[path].count(right) != 1 for path, right, _ in plant.edits):
            missing.append(plant.name)
            continue
        for path, right, wrong in plant.edits:
            files[path] = files[path].replace(right, wrong.replace("PLANTED", switch))
    return missing


def plant_table(missing):
    lines = ['#include "tests/sim/planted.h"', "", "namespace belfry::sim {", ""]
    lines.append("std::vector<Plant> Plants() {")
    lines.append("  return {")
    for plant in PLANTS:
        woven = "false" if plant.name in missing else "true"
        lines.append(f'      {{"{plant.name}", "{plant.story}", {woven}}},')
    lines += ["  };", "}", "", "}  // namespace belfry::sim", ""]
    return "\n".join(lines)


def write(path, text):
    if path.exists() and path.read_text() == text:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def main():
    source, output = (pathlib.Path(argument) for argument in sys.argv[1:3])
    files = {path: (source / path).read_text() for path in (*LIMITS, *sys.argv[3:])}
    for path, names in LIMITS.items():
        files[path] = with_variable_limits(files[path], names)
    missing = weave(files)
    for path, text in files.items():
        include = '#include "tests/sim/planted.h"\n' if path.endswith(".cc") else ""
        write(output / path, f'{include}#line 1 "{source / path}"\n{text}')
    write(output / "tests/sim/plant_table.cc", plant_table(missing))


main()
