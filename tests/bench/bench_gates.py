"""What figures are held against: each row of the table has a value, a limit, and a verdict."""

from dataclasses import dataclass
from typing import Optional


# The rule of rows that count what must never happen.
NEVER = "none, ever"


@dataclass
class Row:
    name: str
    value: float
    unit: str
    floor: Optional[float] = None  # the same on the null server, or of the machine
    limit: Optional[float] = None  # what the value is held against; None: it is only told
    at_least: bool = False         # whether the limit is a lower one
    rule: str = ""                 # the limit in words
    remark: str = ""

    @property
    def ok(self):
        if self.limit is None:
            return True
        return self.value >= self.limit if self.at_least else self.value <= self.limit

    @property
    def ratio(self):
        return self.value / self.floor if self.floor else None


def at_least_share(name, value, unit, floor, share, remark=""):
    """A rate that must reach a share of the floor's."""
    rule = f">= {share:.0%} of the floor"
    return Row(name, value, unit, floor, floor * share, True, rule, remark)


def at_most(name, value, unit, limit, rule="", floor=None, remark=""):
    return Row(name, value, unit, floor, limit, False, rule or f"<= {limit:g} {unit}", remark)


def told(name, value, unit, floor=None, remark=""):
    return Row(name, value, unit, floor, remark=remark)


def counted_zero(name, lines, *keys):
    """Something that must never have happened in any of these runs."""
    total = sum(line.get(key, 0) for line in lines for key in keys)
    return Row(name, total, "", None, 0, False, NEVER)


def is_forbidden(row):
    """Whether the row tells of something that must never happen."""
    return row.rule == NEVER


def failures(rows):
    return [row for row in rows if not row.ok]
