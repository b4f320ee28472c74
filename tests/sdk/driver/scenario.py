"""What every SDK must be able to do, step by step."""

import base64
import dataclasses
import time

from driver import cases
from driver.processes import Failure, wait_until
from driver.program import CallError

ARRIVAL_SECONDS = 25
GONE_SECONDS = 15
# After the last expected trigger; what comes too often comes within it.
QUIET_SECONDS = 1.5
DOWN_SECONDS = 2


@dataclasses.dataclass(frozen=True)
class Sdk:
    """What is peculiar to an SDK."""

    app_protocol: str
    payloads: cases.AnyPayloads
    # Codes of errors as the SDK reports them.
    exists_code: str
    missing_code: str
    invalid_code: str
    # Whether it has calls to list and to delete by prefix.
    lists: bool = False
    # Whether a payload can have a type.
    types: bool = True
    # Whether due time and ttl are instants, and no texts.
    instants: bool = False
    # Time between retries. Two of the SDKs know whole seconds only.
    retry_ms: int = 1000
    # The scheduler's default, a second, as the SDK reads it.
    default_retry_ms: int = 1000


def expect(what, expected, got):
    if expected != got:
        raise Failure(f"{what}: expected {expected!r}, got {got!r}")


class Scenario:
    """The steps. Each leaves nothing behind but what it says."""

    def __init__(self, sdk, scheduler, sidecar, program):
        self._sdk = sdk
        self._scheduler = scheduler
        self._sidecar = sidecar
        self._program = program
        self._scheduled_at = {}
        self._sent = {}  # name -> the job as it was sent

    def run(self):
        steps = [
            self.read_as_scheduled,
            self.refuse,
            self.overwrite,
            self.delete,
            self.fire,
            self.drop_what_has_no_handler,
            self.survive_the_scheduler,
            self.survive_the_sidecar,
        ]
        if self._sdk.lists:
            steps.insert(4, self.list_and_delete_by_prefix)
        for step in steps:
            began = time.monotonic()
            step()
            name = step.__name__.replace("_", " ")
            print(f"    {name}: ok ({time.monotonic() - began:.1f} s)", flush=True)

    # Steps.

    def read_as_scheduled(self):
        for case in cases.FAR:
            self._schedule(case)
            self._expect_stored(case)
        if self._sdk.types:
            self._keep_the_type()

    def refuse(self):
        bad = [
            {"name": "bad", "schedule": "61 * * * * *"},
            {"name": "bad", "schedule": "CRON_TZ=Nowhere/Land 0 0 0 * * *"},
            {"name": "a/b", "schedule": "@daily"},
        ]
        if not self._sdk.instants:
            bad.append({"name": "bad", "due_time": "tomorrow"})
            bad.append({"name": "bad", "schedule": "@daily", "ttl": "soon"})
        for job in bad:
            self._expect_error(f"schedule {job}", self._sdk.invalid_code, "schedule", job=job)
        self._expect_error("get", self._sdk.missing_code, "get", name="bad")

    def overwrite(self):
        far = cases.Case("overwritten", 0, due_time="24h")
        self._schedule(far)
        self._expect_error(
            "a second job of the name", self._sdk.exists_code, "schedule",
            job=self._job(cases.OVERWRITTEN),
        )
        self._expect_stored(far)
        self._schedule(cases.OVERWRITTEN, overwrite=True)
        self._expect_arrivals(cases.OVERWRITTEN)

    def delete(self):
        self._program.call("delete", name="far-due")
        self._expect_error("get", self._sdk.missing_code, "get", name="far-due")
        self._program.call("delete", name="far-due")  # a job that does not exist is no error

    def list_and_delete_by_prefix(self):
        there = {case.name for case in cases.FAR if case.name != "far-due"}
        expect("list", there, self._list() & there)
        for name in ("group-1", "group-2", "groups", "grou"):
            self._schedule(cases.Case(name, 0, due_time="24h"))
        self._program.call("delete_prefix", prefix="group-")
        expect("list", there | {"groups", "grou"}, self._list() - {"typed"})
        self._program.call("delete_prefix", prefix="grou")
        expect("list", there, self._list() - {"typed"})

    def fire(self):
        firing = cases.firing(time.time())
        for case in firing:
            self._schedule(case)
        for case in firing:
            self._expect_arrivals(case)
        time.sleep(QUIET_SECONDS)
        for case in firing:
            self._expect_arrivals(case)
            self._expect_gone(case.name)

    def drop_what_has_no_handler(self):
        self._schedule(cases.UNREGISTERED)
        self._expect_gone(cases.UNREGISTERED.name)

    def survive_the_scheduler(self):
        """kill -9 between two ticks of a job, before the only one of another, and a call that is
        made while there is no scheduler."""
        self._schedule(cases.TICKER)
        self._schedule(cases.SURVIVOR)
        wait_until(
            "two ticks", ARRIVAL_SECONDS,
            lambda: len(self._program.arrivals(cases.TICKER.name)) >= 2,
        )
        self._scheduler.process.kill()
        # A call that is under way when the connection breaks fails: nobody knows what became of it.
        self._sidecar.wait_until_unconnected()
        called = self._program.send("schedule", job=self._job(cases.WHILE_DOWN))
        time.sleep(DOWN_SECONDS)
        self._scheduler.start()
        self._scheduled_at[cases.WHILE_DOWN.name] = 0
        self._program.answer(called)
        self._expect_arrivals(cases.WHILE_DOWN)
        self._expect_arrivals(cases.SURVIVOR, repeated=1)
        # The tick that was under way when the scheduler died may come again.
        self._expect_arrivals(cases.TICKER, repeated=1)
        self._expect_gone(cases.TICKER.name)
        self._expect_stored(cases.FAR[0])

    def survive_the_sidecar(self):
        self._sidecar.process.kill()
        self._sidecar.start()
        self._sidecar.wait_until_ready()
        self._schedule(cases.AFTER_SIDECAR, tries=5)
        self._expect_arrivals(cases.AFTER_SIDECAR)

    # What the steps are made of.

    def _job(self, case):
        return case.job(self._sdk)

    def _schedule(self, case, overwrite=False, tries=1):
        self._scheduled_at[case.name] = time.time()
        for left in reversed(range(tries)):
            try:
                job = self._job(case)
                self._program.call("schedule", job=job, overwrite=overwrite)
                self._sent[case.name] = job
                return
            except CallError as error:
                if left == 0:
                    raise Failure(f"schedule {case.name}: {error}") from error
            time.sleep(0.5)  # the SDK's connection to a sidecar that was lost

    def _keep_the_type(self):
        url = "type.googleapis.com/google.protobuf.StringValue"
        data = base64.b64encode(b"\x0a\x05hello").decode()
        job = {"name": "typed", "due_time": "24h", "data": data, "type_url": url}
        self._program.call("schedule", job=job)
        got = self._program.call("get", name="typed")["job"]
        expect("type and bytes", (url, data), (got.get("type_url"), got.get("data")))

    def _list(self):
        return {job["name"] for job in self._program.call("list")["jobs"]}

    def _expect_error(self, what, code, op, **arguments):
        try:
            self._program.call(op, **arguments)
        except CallError as error:
            if error.code != code:
                raise Failure(f"{what}: expected {code}, got {error}") from error
            return
        raise Failure(f"{what}: expected {code}, but it succeeded")

    def _expect_stored(self, case):
        got = self._program.call("get", name=case.name)["job"]
        expected = dict(self._sent[case.name])
        default = cases.retry(3, self._sdk.default_retry_ms)
        expected.setdefault("failure_policy", default)
        for field in ("name", "schedule", "due_time", "repeats", "ttl", "failure_policy"):
            expect(f"{case.name}: {field}", expected.get(field), got.get(field))
        data = base64.b64decode(got["data"]) if got.get("data") is not None else None
        self._expect_payload(case, data if data is not None else self._sdk.payloads.empty[0])

    def _expect_payload(self, case, data):
        payloads = self._sdk.payloads
        if case.payload == "none":
            if data not in payloads.empty:
                raise Failure(f"{case.name}: expected no payload, got {data[:80]!r}")
        elif not payloads.same(case.payload, data):
            raise Failure(f"{case.name}: the payload has changed to {data[:80]!r}")

    def _expect_arrivals(self, case, repeated=0):
        """All ticks arrive, none early, none too often (but for so many), the payload intact."""
        def arrived():
            return len(self._program.arrivals(case.name)) >= case.ticks

        def missing():
            count = len(self._program.arrivals(case.name))
            return f"{case.ticks} triggers of {case.name}, of which {count} came"

        wait_until(missing, ARRIVAL_SECONDS, arrived)
        arrivals = self._program.arrivals(case.name)
        if len(arrivals) > case.ticks + repeated:
            raise Failure(f"{case.name}: expected {case.ticks} triggers, got {len(arrivals)}")
        scheduled_at = self._scheduled_at[case.name]
        earliest = max(scheduled_at + case.first_after_seconds, case.not_before)
        if arrivals[0][0] < earliest:
            raise Failure(f"{case.name}: came {earliest - arrivals[0][0]:.3f} s too early")
        for _, payload in arrivals:
            self._expect_payload(case, payload)

    def _expect_gone(self, name):
        def gone():
            try:
                self._program.call("get", name=name)
            except CallError as error:
                expect(f"get {name}", self._sdk.missing_code, error.code)
                return True
            return False

        wait_until(f"{name} to be gone", GONE_SECONDS, gone)
