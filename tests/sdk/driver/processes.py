"""Processes that a test starts, and waits that have a limit."""

import os
import random
import shutil
import signal
import socket
import subprocess
import time

# Ports below those that the system hands out for connections, so that none of them can sit on one
# while the process that owns it is away.
FIRST_PORT = 20000
LAST_PORT = 32000
PORT_TRIES = 100
# Held for as long as this process lives: the names, in the system's abstract socket namespace, of
# the ports it was given. Tests of C++ hold theirs by the same names.
PORT_NAME = "\0belfry-test-port-{}"
_held_ports = []

STOP_SECONDS = 15
POLL_SECONDS = 0.02
LOG_TAIL_LINES = 60


class Failure(Exception):
    """What the test found wrong. The text is all that the user reads."""


def wait_until(what, seconds, check):
    """Returns the first true answer of check(); fails after so many seconds. What it waits for is a
    text, or a function that gives it at the end."""
    end = time.monotonic() + seconds
    while True:
        answer = check()
        if answer:
            return answer
        if time.monotonic() >= end:
            text = what() if callable(what) else what
            raise Failure(f"waited {seconds} s in vain for {text}")
        time.sleep(POLL_SECONDS)


def free_port():
    """A port that nobody uses now nor is given by another test while this process lives, for what
    must be known before it is there, or come back."""
    for _ in range(PORT_TRIES):
        port = random.randint(FIRST_PORT, LAST_PORT)
        if _hold(port) and _is_free(port):
            return port
    raise Failure("found no free port")


def _hold(port):
    holder = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        holder.bind(PORT_NAME.format(port))
    except OSError:
        holder.close()
        return False
    _held_ports.append(holder)
    return True


def _is_free(port):
    with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
        try:
            probe.bind(("::", port))
        except OSError:
            return False
        return True


def tail(path):
    with open(path, errors="replace") as log:
        return "".join(log.readlines()[-LOG_TAIL_LINES:])


class Process:
    """One process in a session of its own, which ends with it. Its errors go to a log file; so
    does its output, unless the caller asks for the pipe."""

    def __init__(self, name, command, log_path, environment=None, directory=None, pipes=False):
        self.name = name
        self.log_path = log_path
        self._log = open(log_path, "ab")
        # Dies with the driver, also if that is killed.
        guard = ["setpriv", "--pdeathsig", "KILL", "--"] if shutil.which("setpriv") else []
        self.popen = subprocess.Popen(
            guard + [str(part) for part in command],
            stdin=subprocess.PIPE if pipes else subprocess.DEVNULL,
            stdout=subprocess.PIPE if pipes else self._log,
            stderr=self._log,
            env={**os.environ, **(environment or {})},
            cwd=directory,
            start_new_session=True,
        )

    def alive(self):
        return self.popen.poll() is None

    def require_alive(self):
        if not self.alive():
            raise Failure(f"{self.name} ended with code {self.popen.returncode}")

    def write_log(self, line):
        self._log.write(line)
        self._log.flush()

    def kill(self):
        """kill -9, for it and what it started."""
        self._signal_all(signal.SIGKILL)
        self.popen.wait(STOP_SECONDS)

    def stop(self):
        """Ends it gracefully and returns its code."""
        self.popen.send_signal(signal.SIGTERM)
        return self.wait(STOP_SECONDS)

    def wait(self, seconds):
        try:
            return self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Failure(f"{self.name} did not end within {seconds} s") from None

    def close(self):
        """Leaves nothing behind, whatever state it is in."""
        self._signal_all(signal.SIGKILL)
        self.popen.wait()
        for pipe in (self.popen.stdin, self.popen.stdout):
            if pipe:
                try:
                    pipe.close()
                except BrokenPipeError:
                    pass  # what was not read any more does not matter
        self._log.close()

    def _signal_all(self, number):
        try:
            os.killpg(self.popen.pid, number)
        except ProcessLookupError:
            pass  # all of the session has ended
