"""Starting schedulers and running belfry-bench for the suite."""

import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import time

START_TIMEOUT = 30.0
STOP_TIMEOUT = 30.0
RUN_TIMEOUT = 3600.0


def note(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)


class Scheduler:
    """A belfry-scheduler on free ports with a data directory of its own."""

    def __init__(self, bin_dir, data_dir, slow_disk_ms=0):
        self.bin_dir = bin_dir
        self.data_dir = data_dir
        self.slow_disk_ms = slow_disk_ms
        self.process = None
        self.target = None
        self.ready_seconds = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()
        shutil.rmtree(self.data_dir, ignore_errors=True)

    def start(self):
        os.makedirs(self.data_dir, exist_ok=True)
        ports_file = self.data_dir.rstrip("/") + ".ports"
        if os.path.exists(ports_file):
            os.remove(ports_file)
        environment = dict(os.environ)
        if self.slow_disk_ms:
            environment["LD_PRELOAD"] = os.path.join(self.bin_dir, "slow_disk.so")
            environment["BELFRY_SLOW_DISK_MS"] = str(self.slow_disk_ms)
        began = time.monotonic()
        with open(self.data_dir.rstrip("/") + ".log", "ab") as log:
            self.process = subprocess.Popen(
                [os.path.join(self.bin_dir, "belfry-scheduler"), "--data-dir", self.data_dir,
                 "--port=0", "--healthz-port=0", "--metrics-port=0",
                 "--listen-address=127.0.0.1", "--healthz-listen-address=127.0.0.1",
                 "--ports-file", ports_file],
                stdout=log, stderr=log, env=environment)
        while not os.path.exists(ports_file):
            if self.process.poll() is not None:
                raise RuntimeError(f"the scheduler ended with code {self.process.returncode}")
            if time.monotonic() - began > START_TIMEOUT:
                self.stop()
                raise RuntimeError(f"the scheduler is not ready after {START_TIMEOUT} s")
            time.sleep(0.002)
        self.ready_seconds = time.monotonic() - began
        with open(ports_file, encoding="utf-8") as file:
            self.target = f"127.0.0.1:{json.load(file)['port']}"

    def kill(self):
        """As a crash: nothing is written any more."""
        self.process.kill()
        self.process.wait(STOP_TIMEOUT)

    def stop(self):
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            self.kill()

    def rss_mb(self):
        with open(f"/proc/{self.process.pid}/status", encoding="utf-8") as file:
            for line in file:
                if line.startswith("VmRSS:"):
                    return int(line.split()[1]) * 1024 / 1e6
        raise RuntimeError("the scheduler has no VmRSS")

    def disk_mb(self):
        total = 0
        for folder, _, files in os.walk(self.data_dir):
            for name in files:
                try:
                    total += os.stat(os.path.join(folder, name)).st_blocks * 512
                except FileNotFoundError:
                    pass  # deleted between the two
        return total / 1e6


class Runner:
    """Runs belfry-bench and keeps every line that it prints."""

    def __init__(self, bin_dir, out_dir):
        self.bin_dir = bin_dir
        self.out_dir = out_dir
        self.lines = []
        self.made = 0

    def run(self, workload, *args):
        command = [os.path.join(self.bin_dir, "belfry-bench"), workload, *map(str, args)]
        result = subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=RUN_TIMEOUT)
        line = json.loads(result.stdout)
        line["arguments"] = [str(arg) for arg in args]
        self.lines.append(line)
        return line

    def on(self, scheduler, workload, *args):
        """A workload on a scheduler, whose use of the machine is measured."""
        return self.run(workload, f"--target={scheduler.target}",
                        f"--pid={scheduler.process.pid}", f"--data-dir={scheduler.data_dir}", *args)

    def scheduler(self, slow_disk_ms=0):
        self.made += 1
        data_dir = os.path.join(self.out_dir, f"data-{os.getpid()}-{self.made}")
        return Scheduler(self.bin_dir, data_dir, slow_disk_ms)

    def fresh(self, workload, *args, slow_disk_ms=0):
        """A workload on a scheduler of its own with an empty store."""
        with self.scheduler(slow_disk_ms) as scheduler:
            return self.on(scheduler, workload, *args)


def median(lines, *path):
    """The median of what `path` leads to in each line; of the lines themselves without a path."""
    return statistics.median(pick(line, *path) for line in lines)


def pick(line, *path):
    for key in path:
        line = line[key]
    return line


def interleaved(runs, *measurements):
    """Runs each measurement in turn, `runs` times; returns the results of each as a list."""
    results = [[] for _ in measurements]
    for number in range(runs):
        note(f"round {number + 1} of {runs}")
        for measurement, into in zip(measurements, results):
            into.append(measurement())
    return results
