"""The sidecar: schedules over HTTP, delivery to an HTTP app, idle memory."""

import json
import os
import socket
import subprocess
import time
import urllib.error
import urllib.request

import bench_gates as gates
from bench_run import RUN_TIMEOUT, START_TIMEOUT, STOP_TIMEOUT, interleaved, median, note

NAMESPACE = "bench"
APP = "bench-app"
HTTP_LOAD = ("--in-flight=256", f"--app-id={APP}")


class Sidecar:
    def __init__(self, runner, scheduler, app_port=0):
        self.ports_file = scheduler.data_dir + ".sidecar"
        if os.path.exists(self.ports_file):
            os.remove(self.ports_file)
        command = [os.path.join(runner.bin_dir, "belfry-sidecar"), f"--app-id={APP}",
                   f"--scheduler-host-address={scheduler.target}", "--dapr-http-port=0",
                   "--dapr-grpc-port=0", "--metrics-port=0", "--dapr-listen-addresses=127.0.0.1",
                   "--metrics-listen-address=127.0.0.1", f"--ports-file={self.ports_file}"]
        if app_port:
            command.append(f"--app-port={app_port}")
        with open(scheduler.data_dir + ".sidecar.log", "ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log,
                                            env={**os.environ, "NAMESPACE": NAMESPACE})
        self.wait(lambda: os.path.exists(self.ports_file), "its ports file")
        with open(self.ports_file, encoding="utf-8") as file:
            self.target = f"127.0.0.1:{json.load(file)['http']}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def wait(self, condition, what):
        began = time.monotonic()
        while not condition():
            if self.process.poll() is not None:
                raise RuntimeError(f"the sidecar ended with code {self.process.returncode}")
            if time.monotonic() - began > START_TIMEOUT:
                raise RuntimeError(f"the sidecar does not have {what} after {START_TIMEOUT} s")
            time.sleep(0.005)

    def healthy(self):
        try:
            with urllib.request.urlopen(f"http://{self.target}/v1.0/healthz", timeout=5):
                return True
        except (urllib.error.URLError, OSError):
            return False

    def rss_mb(self):
        with open(f"/proc/{self.process.pid}/status", encoding="utf-8") as file:
            for line in file:
                if line.startswith("VmRSS:"):
                    return int(line.split()[1]) * 1024 / 1e6
        raise RuntimeError("the sidecar has no VmRSS")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def http_schedule(runner, seconds):
    with runner.scheduler() as scheduler, Sidecar(runner, scheduler) as sidecar:
        sidecar.wait(sidecar.healthy, "health")
        return runner.run("http-schedule", f"--target={sidecar.target}",
                          f"--pid={sidecar.process.pid}", f"--duration={seconds}", *HTTP_LOAD)


def http_burst(runner, jobs, lead):
    """The app listens first, then the sidecar comes, while the jobs are being stored."""
    app_port = free_port()
    with runner.scheduler() as scheduler:
        command = [os.path.join(runner.bin_dir, "belfry-bench"), "http-burst",
                   f"--target={scheduler.target}", f"--app-id={APP}", f"--namespace={NAMESPACE}",
                   f"--app-port={app_port}", f"--jobs={jobs}", f"--lead={lead}"]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as bench, \
                Sidecar(runner, scheduler, app_port) as sidecar:
            sidecar.wait(sidecar.healthy, "health")
            output, _ = bench.communicate(timeout=RUN_TIMEOUT)
            if bench.returncode != 0:
                raise RuntimeError(f"http-burst ended with code {bench.returncode}")
    line = json.loads(output)
    runner.lines.append(line)
    return line


def idle(runner):
    with runner.scheduler() as scheduler, Sidecar(runner, scheduler) as sidecar:
        sidecar.wait(sidecar.healthy, "health")
        time.sleep(2)
        return sidecar.rss_mb()


def measure(runner, runs, seconds, jobs, lead):
    note("sidecar")
    grpc, http, floor = interleaved(
        runs, lambda: runner.fresh("schedule", "--in-flight=256", f"--duration={seconds}",
                                   "--due-from=3600", "--due-spread=82800"),
        lambda: http_schedule(runner, seconds),
        lambda: runner.run("floor-http", f"--duration={seconds}", "--in-flight=256"))
    deliveries, = interleaved(runs, lambda: http_burst(runner, jobs, lead))
    beast = median(floor, "schedule", "per_s")
    return [
        gates.at_least_share("durable schedules over HTTP, 256 in flight",
                             median(http, "schedule", "per_s"), "/s",
                             median(grpc, "schedule", "per_s"), 0.5,
                             f"floor: the scheduler; Beast answering 204: {beast:,.0f}/s"),
        gates.counted_zero("their errors", [line["schedule"] for line in http], "errors"),
        gates.told(f"burst of {jobs:,} delivered to an HTTP app", median(deliveries, "per_s"),
                   "/s"),
        gates.counted_zero("its errors, early triggers", deliveries, "errors", "early"),
        gates.at_most("sidecar memory, idle", idle(runner), "MB", 30),
    ]
