"""Our scheduler and sidecar as processes."""

import http.client
import pathlib
import time

from driver.processes import Process, free_port, wait_until

START_SECONDS = 30
REQUEST_SECONDS = 10
# From one connection's break to that of another of the same process.
SETTLE_SECONDS = 0.2


class Scheduler:
    """A scheduler that can be killed and started again on its data and its port."""

    def __init__(self, bin_dir, work_dir):
        self._program = pathlib.Path(bin_dir) / "belfry-scheduler"
        self._work_dir = pathlib.Path(work_dir)
        self._ports_file = self._work_dir / "scheduler.ports"
        self.port = free_port()
        self.process = None

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def start(self):
        self._ports_file.unlink(missing_ok=True)
        self.close()
        self.process = Process(
            "belfry-scheduler",
            [
                self._program,
                "--listen-address=127.0.0.1",
                "--healthz-listen-address=127.0.0.1",
                f"--port={self.port}",
                "--healthz-port=0",
                "--metrics-port=0",
                f"--ports-file={self._ports_file}",
                f"--data-dir={self._work_dir / 'data'}",
            ],
            self._work_dir / "scheduler.log",
        )
        wait_until("the scheduler's ports file", START_SECONDS, self._ready)

    def _ready(self):
        self.process.require_alive()
        return self._ports_file.exists()

    def close(self):
        if self.process:
            self.process.close()
            self.process = None


class Sidecar:
    """A sidecar for one app; keeps its ports when it is started again."""

    def __init__(self, bin_dir, work_dir, scheduler, app_id, app_protocol, tokens):
        self._program = pathlib.Path(bin_dir) / "belfry-sidecar"
        self._log_path = pathlib.Path(work_dir) / "sidecar.log"
        self._scheduler = scheduler
        self._app_id = app_id
        self._app_protocol = app_protocol
        self._tokens = tokens
        self.http_port = free_port()
        self.grpc_port = free_port()
        self.app_port = free_port()
        self.process = None

    def start(self):
        self.close()
        self.process = Process(
            "belfry-sidecar",
            [
                self._program,
                f"--app-id={self._app_id}",
                f"--app-port={self.app_port}",
                f"--app-protocol={self._app_protocol}",
                f"--scheduler-host-address={self._scheduler}",
                f"--dapr-http-port={self.http_port}",
                f"--dapr-grpc-port={self.grpc_port}",
                "--metrics-port=0",
                "--dapr-listen-addresses=127.0.0.1",
                "--metrics-listen-address=127.0.0.1",
            ],
            self._log_path,
            environment=self._tokens,
        )
        wait_until("the sidecar's API", START_SECONDS,
                   lambda: self._answers("/v1.0/healthz/outbound"))

    def wait_until_ready(self):
        """Until the app's port is open and schedulers are known."""
        wait_until("the sidecar to be ready", START_SECONDS, lambda: self._answers("/v1.0/healthz"))

    def wait_until_unconnected(self):
        """Until it has noticed that its scheduler is gone: connections for calls and for triggers
        break at the same moment, and it tells of the latter."""
        wait_until("the sidecar to lose its scheduler", START_SECONDS, self._is_unconnected)
        time.sleep(SETTLE_SECONDS)

    def _is_unconnected(self):
        self.process.require_alive()
        changes = [line for line in self._log_path.read_text(encoding="utf-8").splitlines()
                   if "streams to schedulers changed" in line]
        return bool(changes) and changes[-1].endswith("open=0")

    def _answers(self, path):
        self.process.require_alive()
        try:
            return self._status(path) == 204
        except OSError:
            return False

    def _status(self, path):
        connection = http.client.HTTPConnection(
            "127.0.0.1", self.http_port, timeout=REQUEST_SECONDS)
        try:
            headers = {"dapr-api-token": self._tokens["DAPR_API_TOKEN"]}
            connection.request("GET", path, headers=headers)
            return connection.getresponse().status
        finally:
            connection.close()

    def close(self):
        if self.process:
            self.process.close()
            self.process = None
