"""Runs a scheduler and a sidecar at half of what they reach, with faults, and looks whether
anything grows: memory, descriptors, disk, lateness. Also: no acknowledged job is lost, and none
comes early.

usage: soak.py BIN_DIR WORK_DIR --minutes=30 [--seed=1] [--rate=JOBS_PER_SECOND]

The course of a run: a burst says what the parts reach together; then jobs come at half of that
rate, due a few seconds later, beside others that recur, are overwritten and deleted. Connections
are cut and one of two sidecars killed all the time; the scheduler is killed, and stopped, in the
first half only, so that in the second one process grows old, and the other sidecar never. The early
part is the second quarter, the late part the last. Lateness does not count around a fault. At the
end all are stopped, and each that was ever stopped must have ended well.
"""

import argparse
import asyncio
import json
import pathlib
import random
import shutil
import signal
import sys
import time

import parts
import verdict

BURST = 1000
CLIENTS = 16
LEAD_S = 4.0  # from the scheduling of a job to its time
RECURRING = 50  # jobs, one tick a second each
MAX_RATE = 400
SAMPLE_S = 2.0
FAULT_PAUSE_S = (8, 20)
RECOVERY_S = 6.0  # after a fault in which lateness does not count
DRAIN_S = 60


class Soak:
    def __init__(self, options):
        self.options = options
        self.random = random.Random(options.seed)
        work = pathlib.Path(options.work)
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        self.data = work / "data"
        binaries = pathlib.Path(options.bin)
        self.app = parts.App(self.on_job)
        self.proxy = parts.Proxy(lambda: self.scheduler.ports["port"])
        self.scheduler = None
        self.sidecar = None
        self.mortal = None  # another sidecar of the same app
        self.make = lambda: (
            parts.Program(binaries / "belfry-scheduler", work, "scheduler", [
                "--listen-address=127.0.0.1", "--healthz-listen-address=127.0.0.1", "--port=0",
                "--healthz-port=0", "--metrics-port=0", f"--data-dir={self.data}",
                f"--override-broadcast-host-port=127.0.0.1:{self.proxy.port}"]),
            *(parts.Program(binaries / "belfry-sidecar", work, name, [
                "--app-id=soak", f"--app-port={self.app.port}", "--dapr-http-port=0",
                "--dapr-grpc-port=0", "--metrics-port=0", "--dapr-listen-addresses=127.0.0.1",
                f"--scheduler-host-address=127.0.0.1:{self.proxy.port}"])
              for name in ("sidecar", "mortal-sidecar")))
        self.due = {}  # name of an acknowledged job that has not come -> its time
        self.unsure = set()  # names whose scheduling was not answered
        self.early = []
        self.deliveries = self.repeats = self.ticks = self.acknowledged = 0
        self.lateness = []  # (time due, seconds)
        self.quiet_until = 0.0  # lateness does not count before
        self.spoiled = []  # stretches of time, beginning and end
        self.samples = []  # (time, {figure: value})
        self.faults = {}
        self.last_number = 0

    def on_job(self, name, now):
        if not name.startswith("one-"):
            self.ticks += 1
            return
        due = int(name.split("-")[1]) / 1e9
        self.deliveries += 1
        if now < due - 0.0005:
            self.early.append((name, due - now))
        if self.due.pop(name, None) is not None or name in self.unsure:
            self.unsure.discard(name)
            self.lateness.append((due, now - due))
        else:
            self.repeats += 1

    async def schedule(self, client, due):
        self.last_number += 1
        name = f"one-{int(due * 1e9)}-{self.last_number}"
        seconds, fraction = divmod(int(due * 1e9), 10**9)
        text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{fraction:09}Z"
        # It may come before the answer does.
        self.unsure.add(name)
        body = json.dumps({"dueTime": text, "data": "x" * self.random.randrange(10, 1000)})
        status = await client.request("POST", f"/v1.0-alpha1/jobs/{name}", body.encode())
        if 200 <= status < 300:
            self.acknowledged += 1
            if name in self.unsure:
                self.unsure.discard(name)
                self.due[name] = due
        return status

    async def burst(self):
        """Jobs a second from the scheduling of the first to the arrival of the last."""
        clients = [self.client() for _ in range(CLIENTS)]
        begin = time.monotonic()
        await asyncio.gather(*(self.some(client, BURST // CLIENTS) for client in clients))
        while self.due and time.monotonic() < begin + DRAIN_S:
            await asyncio.sleep(0.01)
        if self.due:
            raise RuntimeError("the burst at the beginning did not arrive")
        for client in clients:
            client.close()
        return self.deliveries / (time.monotonic() - begin)

    async def some(self, client, count):
        for _ in range(count):
            await self.schedule(client, time.time())

    def client(self):
        return parts.Client(lambda: self.sidecar.ports["http"])

    async def load(self, rate, end):
        """One of CLIENTS: its share of the jobs, and some that are overwritten and deleted."""
        client = self.client()
        pause = CLIENTS / rate
        upcoming = time.monotonic() + self.random.random() * pause
        while time.monotonic() < end:
            await asyncio.sleep(max(0, upcoming - time.monotonic()))
            upcoming = max(upcoming + pause, time.monotonic() - 1)
            await self.schedule(client, time.time() + LEAD_S * (0.5 + self.random.random()))
            name = f"far-{self.random.randrange(1000)}"
            if self.random.random() < 0.1:
                body = json.dumps({"schedule": "@yearly", "overwrite": True, "data": "x" * 200})
                await client.request("POST", f"/v1.0-alpha1/jobs/{name}", body.encode())
            elif self.random.random() < 0.1:
                await client.request("DELETE", f"/v1.0-alpha1/jobs/{name}")
        client.close()

    async def make_recurring(self):
        client = self.client()
        for i in range(RECURRING):
            body = json.dumps({"schedule": "@every 1s", "data": "tick"})
            if await client.request("POST", f"/v1.0-alpha1/jobs/tick-{i}", body.encode()) >= 300:
                raise RuntimeError("a recurring job was refused")
        client.close()

    async def fault(self, kind):
        self.faults[kind] = self.faults.get(kind, 0) + 1
        begin = time.time()
        if kind == "cut":
            self.proxy.cut()
        elif kind == "sidecar":
            await self.mortal.stop(signal.SIGKILL)
            await self.mortal.start()
        elif kind in ("scheduler killed", "scheduler stopped"):
            killed = kind == "scheduler killed"
            await self.scheduler.stop(signal.SIGKILL if killed else signal.SIGTERM)
            await self.scheduler.start()
        self.quiet_until = time.monotonic() + RECOVERY_S
        self.spoiled.append((begin, time.time() + RECOVERY_S))

    async def break_things(self, begin, end):
        # At set times, so that also a short run has both before its middle.
        restarts = [(begin + (end - begin) * share, kind)
                    for share, kind in ((0.1, "scheduler killed"), (0.2, "scheduler stopped"),
                                        (0.48, "scheduler killed"))]
        following = begin + self.random.uniform(*FAULT_PAUSE_S)
        while time.monotonic() < end - RECOVERY_S:
            await asyncio.sleep(0.2)
            if restarts and time.monotonic() >= restarts[0][0]:
                await self.fault(restarts.pop(0)[1])
            elif time.monotonic() >= following and time.monotonic() < end - 2 * RECOVERY_S:
                await self.fault(self.random.choice(["cut", "cut", "sidecar"]))
                following = time.monotonic() + self.random.uniform(*FAULT_PAUSE_S)

    async def measure(self, end):
        while time.monotonic() < end:
            await asyncio.sleep(SAMPLE_S)
            if time.monotonic() < self.quiet_until or not self.scheduler.is_running:
                continue
            try:
                self.samples.append((time.time(), {
                    "scheduler memory": self.scheduler.resident_bytes(),
                    "scheduler descriptors": self.scheduler.descriptors(),
                    "sidecar memory": self.sidecar.resident_bytes(),
                    "sidecar descriptors": self.sidecar.descriptors(),
                    "disk": parts.directory_bytes(self.data)}))
            except (FileNotFoundError, ProcessLookupError):
                pass  # a fault came between

    def figures(self, begin, end):
        """Of one part of the run: medians of the samples, percentiles of the lateness."""
        result = {}
        for name in self.samples[0][1] if self.samples else ():
            result[name] = verdict.percentile(
                [values[name] for at, values in self.samples if begin <= at < end], 0.5)
        late = [seconds for due, seconds in self.lateness if begin <= due < end and not any(
            first - 0.5 <= due < last for first, last in self.spoiled)]
        result["lateness p50"] = verdict.percentile(late, 0.5)
        result["lateness p99"] = verdict.percentile(late, 0.99)
        return result

    async def run(self):
        await self.app.start()
        await self.proxy.start()
        programs = self.scheduler, self.sidecar, self.mortal = self.make()
        try:
            for program in programs:
                await program.start()
            result = await self.course()
            for program in reversed(programs):
                await program.stop(signal.SIGTERM)
            return result
        finally:
            for program in programs:
                program.kill()

    async def course(self):
        reached = await self.burst()
        rate = self.options.rate or min(MAX_RATE, reached / 2)
        print(f"seed {self.options.seed}; a burst reached {reached:.0f} jobs/s, "
              f"the load is {rate:.0f} jobs/s for {self.options.minutes} minutes", flush=True)
        await self.make_recurring()
        seconds = self.options.minutes * 60
        begin, wall = time.monotonic(), time.time()
        end = begin + seconds
        await asyncio.gather(self.measure(end), self.break_things(begin, end),
                             *(self.load(rate, end) for _ in range(CLIENTS)))
        drained = time.monotonic() + DRAIN_S
        while self.due and time.monotonic() < drained:
            await asyncio.sleep(0.1)
        ready = parts.is_ok(f"http://127.0.0.1:{self.scheduler.ports['healthz_port']}/healthz")
        return self.judge(self.figures(wall + seconds / 4, wall + seconds / 2),
                          self.figures(wall + seconds * 3 / 4, wall + seconds), ready)

    def judge(self, early, late, ready):
        lines, failed = verdict.judge(early, late)
        print("\n".join(lines))
        print(f"{self.acknowledged} jobs acknowledged, {self.deliveries} deliveries, "
              f"{self.repeats} of them again, {self.ticks} ticks; faults: "
              + ", ".join(f"{kind} {count}" for kind, count in sorted(self.faults.items())))
        if self.due:
            failed.append(f"{len(self.due)} acknowledged jobs never came, e.g. {min(self.due)}")
        if self.early:
            failed.append(f"{len(self.early)} jobs came early, e.g. {self.early[0]}")
        if self.ticks == 0:
            failed.append("no recurring job ticked")
        if not ready:
            failed.append("the scheduler is not ready at the end")
        for line in failed:
            print(f"FAILED: {line}")
        print("all is well" if not failed else "see the logs in " + str(self.options.work))
        return 1 if failed else 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("bin")
    parser.add_argument("work")
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rate", type=float, default=0)
    sys.exit(asyncio.run(Soak(parser.parse_args()).run()))


if __name__ == "__main__":
    main()
