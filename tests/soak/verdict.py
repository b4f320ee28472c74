"""What a soak run found: figures of an earlier and of a later part of it, side by side."""

from typing import NamedTuple


class Figure(NamedTuple):
    name: str
    unit: str
    scale: float  # what one unit is
    factor: float  # the later one may be so many times the earlier one,
    slack: float  # and so much more


MIB = 1 << 20
FIGURES = (
    Figure("scheduler memory", "MiB", MIB, 1.15, 12 * MIB),
    Figure("sidecar memory", "MiB", MIB, 1.15, 6 * MIB),
    Figure("scheduler descriptors", "", 1, 1.1, 8),
    Figure("sidecar descriptors", "", 1, 1.1, 8),
    Figure("disk", "MiB", MIB, 1.25, 64 * MIB),
    Figure("lateness p50", "ms", 0.001, 2, 0.005),
    Figure("lateness p99", "ms", 0.001, 2, 0.05),
)


def percentile(values, share):
    """The value below which `share` of them lie; None if there are none."""
    if not values:
        return None
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def grew(figure, early, late):
    return late > early * figure.factor + figure.slack


def judge(early, late):
    """(table as lines, names of what grew); both arguments map names of figures to values."""
    lines = [f"{'figure':24}{'early':>12}{'late':>12}  {'allowed':>12}"]
    failed = []
    for figure in FIGURES:
        a, b = early.get(figure.name), late.get(figure.name)
        if a is None or b is None:
            lines.append(f"{figure.name:24}  not measured")
            failed.append(f"{figure.name}: not measured")
            continue
        bad = grew(figure, a, b)
        allowed = (a * figure.factor + figure.slack) / figure.scale
        lines.append(f"{figure.name:24}{a / figure.scale:12.1f}{b / figure.scale:12.1f}  "
                     f"{allowed:12.1f} {figure.unit}{'  GREW' if bad else ''}")
        if bad:
            failed.append(f"{figure.name} grew")
    return lines, failed
