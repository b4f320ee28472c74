"""The jobs that every SDK must be able to schedule, and what must come of them."""

import base64
import dataclasses
import datetime
import json
import math
import random
import re
import time
from typing import Optional

LARGE_BYTES = 1024 * 1024


@dataclasses.dataclass(frozen=True)
class Case:
    """A job, the number of its triggers, and when the first may come at the earliest: so long after
    it was scheduled, and not before a wall-clock time."""

    name: str
    ticks: int
    first_after_seconds: float = 0
    not_before: float = 0
    schedule: Optional[str] = None
    due_time: Optional[str] = None
    repeats: Optional[int] = None
    ttl: Optional[str] = None
    payload: str = "text"
    failure_policy: Optional[dict] = None

    def job(self, sdk):
        """As a program with this SDK (scenario.Sdk) is asked to schedule it."""
        fields = ("name", "schedule", "due_time", "repeats", "ttl", "failure_policy")
        job = {field: getattr(self, field) for field in fields}
        if self.failure_policy and "constant" in self.failure_policy:
            job["failure_policy"] = retry(
                self.failure_policy["constant"]["max_retries"], sdk.retry_ms)
        if sdk.instants:
            for field in ("due_time", "ttl"):
                job[field] = job[field] and as_instant(job[field])
        data = sdk.payloads.sent(self.payload)
        if data is not None:
            job["data"] = base64.b64encode(data).decode()
        return {field: value for field, value in job.items() if value is not None}


class AnyPayloads:
    """Bytes without a type, as the SDKs with a gRPC client send them."""

    empty = (None, b"")

    def sent(self, kind):
        if kind == "none":
            return None
        if kind == "every byte":
            return bytes(range(256))
        if kind == "large":
            return random.Random(LARGE_BYTES).randbytes(LARGE_BYTES)
        # What the SDKs' examples do; neither blanks nor line ends may get lost inside.
        return '{"kind": "räport",\r\n\t"pages": 12}'.encode()

    def same(self, kind, data):
        """Whether the data is what was sent."""
        return data == self.sent(kind)


class JsonPayloads(AnyPayloads):
    """JSON, for programs that use the HTTP API. `empty` is what the SDK makes of no body."""

    def __init__(self, empty):
        self.empty = empty

    def sent(self, kind):
        if kind == "none":
            return None
        if kind == "every byte":
            text = "".join(map(chr, range(0xD800))) + "\U0001f600"
            value = {"every": text, "numbers": [0, -1, 0.5, 1e300, 9007199254740991]}
        elif kind == "large":
            value = {"blob": random.Random(LARGE_BYTES).randbytes(LARGE_BYTES // 2).hex()}
        else:
            value = {"kind": "räport", "list": [True, None, {}, []], "pages": 12}
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()

    def same(self, kind, data):
        """Whether the data is what was sent; an SDK may have parsed and written it."""
        return data is not None and json.loads(data) == json.loads(self.sent(kind))


ODD_NAME = "odd: 50% + naïve||x@Y.z"
DROP = {"drop": {}}


def retry(max_retries, interval_ms=None):
    """At most so many retries; how far apart depends on what the SDK can say."""
    return {"constant": {"interval_ms": interval_ms, "max_retries": max_retries}}


def rfc3339(seconds, zone_hours=0, digits=3):
    zone = datetime.timezone(datetime.timedelta(hours=zone_hours))
    moment = datetime.datetime.fromtimestamp(seconds, zone)
    fraction = f"{moment.microsecond:06d}0"[:digits]
    offset = "Z" if zone_hours == 0 else f"{zone_hours:+03d}:00"
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{fraction}{offset}"


SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600}
ISO8601_SECONDS = {"PT1S": 1, "P1Y2M": 425 * 86400}


def as_instant(text):
    """The wall-clock time of a due time or ttl as an SDK writes it that knows instants only. A
    duration counts from now; what is cut off makes it later, not earlier."""
    durations = re.findall(r"(\d+)(ms|[hms])", text)
    if text in ISO8601_SECONDS:
        seconds = time.time() + ISO8601_SECONDS[text]
    elif "".join(map("".join, durations)) == text:
        seconds = time.time() + sum(int(count) * SECONDS[unit] for count, unit in durations)
    else:
        seconds = datetime.datetime.fromisoformat(text).timestamp()
    return rfc3339(math.ceil(seconds * 1000) / 1000)


def firing(now):
    """Jobs that fire within a few seconds after `now`, the driver's wall clock."""
    due = now + 2
    return [
        Case("due-duration", 1, 1.0, due_time="1s", payload="every byte"),
        Case("due-rfc3339", 1, 0, due - 0.001, due_time=rfc3339(due)),
        Case("due-rfc3339-offset", 1, 0, due - 1e-6, due_time=rfc3339(due, 2, digits=7)),
        Case("due-iso8601", 1, 1.0, due_time="PT1S", payload="none"),
        Case("due-past", 1, due_time="2020-02-29T12:00:00Z"),
        Case("every", 3, 0.5, schedule="@every 500ms", repeats=3),
        Case("every-from-due", 2, 1.0, schedule="@every 1s", due_time="1s", repeats=2),
        Case("cron", 2, schedule="* * * * * *", repeats=2),
        Case("cron-zone", 1, schedule="CRON_TZ=Europe/Paris */1 * * * * *", repeats=1),
        Case("descriptor", 1, 1.0, schedule="@hourly", due_time="1s", repeats=1),
        Case("ttl", 2, 1.0, schedule="@every 1s", ttl="2500ms"),
        Case("large", 1, 0.5, due_time="500ms", payload="large"),
        Case(ODD_NAME, 1, due_time="0s"),
        Case("fails-1-retry", 2, due_time="0s", failure_policy=retry(3)),
        Case("fails-9-retry", 2, due_time="0s", failure_policy=retry(1)),
        Case("fails-1-drop", 1, due_time="0s", failure_policy=DROP),
        Case("fails-1-default", 2, due_time="0s", payload="none"),
    ]


UNREGISTERED = Case("unregistered", 0, due_time="0s", failure_policy=retry(1))

# Jobs of a distant future, to be read as they were scheduled.
FAR = [
    Case("far-cron", 0, schedule="0 30 9 * * MON-FRI", repeats=7, ttl="8760h", failure_policy=DROP),
    Case("far-zone", 0, schedule="CRON_TZ=America/New_York 0 0 3 1 * *", failure_policy=retry(5)),
    Case("far-every", 0, schedule="@every 1h2m3s", due_time="24h", ttl="2099-12-31T23:59:59Z"),
    Case("far-descriptor", 0, schedule="@yearly", due_time="2098-01-02T03:04:05+01:00"),
    Case("far-due", 0, due_time="2097-06-05T04:03:02.123456789Z", payload="every byte"),
    Case("far-empty", 0, due_time="P1Y2M", payload="none"),
]

# Jobs of the later steps; named here because handlers are registered before the start.
OVERWRITTEN = Case("overwritten", 1, due_time="500ms", payload="every byte")
TICKER = Case("ticker", 6, 1.0, schedule="@every 1s", repeats=6)
SURVIVOR = Case("survivor", 1, 3.0, due_time="3s", payload="every byte")
WHILE_DOWN = Case("while-down", 1, due_time="0s")
AFTER_SIDECAR = Case("after-sidecar", 1, due_time="0s", payload="every byte")


def handled():
    """The names for which the program registers a handler."""
    later = [OVERWRITTEN, TICKER, SURVIVOR, WHILE_DOWN, AFTER_SIDECAR]
    return [case.name for case in firing(0) + later]
