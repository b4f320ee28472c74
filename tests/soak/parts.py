"""The parts of a soak run that are not its own: programs of ours as processes, an app that receives
jobs, and a proxy that cuts connections. All on 127.0.0.1."""

import asyncio
import json
import os
import pathlib
import signal
import subprocess
import time
import urllib.request

START_LIMIT_S = 60
STOP_LIMIT_S = 15


class Program:
    """One of our programs. Its output goes to a file; it never outlives the run."""

    def __init__(self, binary, work, name, arguments):
        self._command = [str(binary), *arguments]
        self._ports_file = work / f"{name}.ports"
        self._log = work / f"{name}.log"
        self._command.append(f"--ports-file={self._ports_file}")
        self._process = None
        self.name = name
        self.ports = {}

    async def start(self):
        self._ports_file.unlink(missing_ok=True)
        with open(self._log, "ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log)
        end = time.monotonic() + START_LIMIT_S
        while not self._ports_file.exists():
            if self._process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"{self._command[0]} did not start, see {self._log}")
            await asyncio.sleep(0.02)
        self.ports = json.loads(self._ports_file.read_text())

    async def stop(self, how):
        """Ends it; a failure if it has ended by itself, or does not end as the signal asks."""
        if self._process.poll() is not None:
            raise RuntimeError(f"{self.name} had ended with {self._process.returncode}")
        self._process.send_signal(how)
        end = time.monotonic() + STOP_LIMIT_S
        while self._process.poll() is None:
            if time.monotonic() > end:
                self._process.kill()
            await asyncio.sleep(0.02)
        expected = -how if how == signal.SIGKILL else 0
        if self._process.returncode != expected:
            raise RuntimeError(f"{self.name} ended with {self._process.returncode}, "
                               f"not with {expected}, after signal {how}")

    def kill(self):
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()

    @property
    def is_running(self):
        return self._process is not None and self._process.poll() is None

    def resident_bytes(self):
        fields = pathlib.Path(f"/proc/{self._process.pid}/statm").read_text().split()
        return int(fields[1]) * os.sysconf("SC_PAGESIZE")

    def descriptors(self):
        return len(os.listdir(f"/proc/{self._process.pid}/fd"))


def directory_bytes(path):
    total = 0
    for folder, _, names in os.walk(path):
        for name in names:
            try:
                total += os.stat(os.path.join(folder, name)).st_blocks * 512
            except FileNotFoundError:
                pass
    return total


def is_ok(url):
    try:
        with urllib.request.urlopen(url, timeout=2) as response:
            return response.status < 300
    except OSError:
        return False


async def read_request(reader):
    """(first line, body) of one HTTP request or response; None at the end of the connection."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = 0
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    body = await reader.readexactly(length) if length else b""
    return head.partition(b"\r\n")[0].decode(), body


class App:
    """Answers every job at once with 200, and tells `on_job(name, unix time)` of it."""

    def __init__(self, on_job):
        self._on_job = on_job
        self._server = None
        self.port = 0

    async def start(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _serve(self, reader, writer):
        try:
            while True:
                line, _ = await read_request(reader)
                path = line.split(" ")[1]
                if path.startswith("/job/"):
                    self._on_job(path[len("/job/"):], time.time())
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        except (OSError, EOFError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the connection, or the run, is over
        finally:
            writer.close()


class Proxy:
    """Forwards TCP connections to a port, and cuts all of them when it is told to."""

    def __init__(self, target):
        self._target = target  # called for each connection
        self._writers = set()
        self.port = 0

    async def start(self):
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]

    def cut(self):
        for writer in list(self._writers):
            writer.transport.abort()

    async def _serve(self, reader, writer):
        try:
            up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self._target())
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, up_writer}
        try:
            await asyncio.gather(self._pump(reader, up_writer), self._pump(up_reader, writer))
        except asyncio.CancelledError:
            pass  # the run is over
        finally:
            self._writers -= {writer, up_writer}

    @staticmethod
    async def _pump(reader, writer):
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()


class Client:
    """One connection to a sidecar's HTTP API, one request at a time; made anew when it breaks."""

    def __init__(self, port):
        self._port = port  # called for each connection
        self._reader = self._writer = None

    async def request(self, method, path, body=b"", limit=30):
        """The status; 0 if there was no answer, so that nobody knows what became of it."""
        try:
            return await asyncio.wait_for(self._request(method, path, body), limit)
        except (OSError, EOFError, asyncio.IncompleteReadError, asyncio.TimeoutError):
            self.close()
            return 0

    async def _request(self, method, path, body):
        if self._writer is None:
            self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port())
        self._writer.write(
            f"{method} {path} HTTP/1.1\r\nHost: soak\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
        line, _ = await read_request(self._reader)
        return int(line.split(" ")[1])

    def close(self):
        if self._writer is not None:
            self._writer.transport.abort()
        self._reader = self._writer = None
