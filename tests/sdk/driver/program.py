"""A program that uses an SDK, and the lines that the driver exchanges with it.

Requests go to its standard input and answers come from its standard output, a JSON object a line;
its lines begin with a mark, because SDKs print there too. A request has `id` and `op`:

    schedule       overwrite, and job {name, schedule, due_time, repeats, ttl, data, type_url,
                   failure_policy: {drop: {}} or {constant: {interval_ms, max_retries}}}
    get, delete    name
    list           answers with `jobs`
    delete_prefix  prefix
    stop           ends the program, with code 0

Absent fields are left out, payloads are base64. An answer has the `id`, and `job` with the fields
above or `error` {code, message} if the call failed. A job that arrives is reported as
{"event": "job", name, data}; once the SDK's server is up the program reports {"event": "ready"}.
The handler of a job whose name begins with `fails-N-` refuses the first N triggers.
"""

import base64
import json
import queue
import threading
import time

from driver.processes import Failure, Process, wait_until

MARK = b"@@ "
READY_SECONDS = 60
ANSWER_SECONDS = 40  # the sidecar itself answers within 30 s, whatever happens
STOP_SECONDS = 20


class CallError(Exception):
    """The SDK reported an error."""

    def __init__(self, code, message):
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class Program:
    """Runs one SDK program. Times of arrival are the driver's wall clock."""

    def __init__(self, command, log_path, environment, directory=None):
        self.process = Process(
            "the program", command, log_path, environment, directory, pipes=True
        )
        self._answers = {}
        self._lock = threading.Lock()
        self._arrivals = {}  # job name -> [(time, payload)]
        self._ready = threading.Event()
        self._next_id = 0
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def wait_until_ready(self):
        def ready():
            self.process.require_alive()
            return self._ready.is_set()

        wait_until("the program's server", READY_SECONDS, ready)

    def send(self, op, **arguments):
        """Sends a request; what it returns is given to `answer`."""
        self._next_id += 1
        answers = queue.Queue()
        with self._lock:
            self._answers[self._next_id] = answers
        request = {"id": self._next_id, "op": op, **arguments}
        self.process.popen.stdin.write(json.dumps(request).encode() + b"\n")
        self.process.popen.stdin.flush()
        return op, answers

    def answer(self, sent):
        """Waits for the answer; raises CallError if the SDK reported an error."""
        op, answers = sent

        def there():
            self.process.require_alive()
            return not answers.empty()

        wait_until(f"the answer to {op}", ANSWER_SECONDS, there)
        answer = answers.get()
        if "error" in answer:
            raise CallError(answer["error"]["code"], answer["error"]["message"])
        return answer

    def call(self, op, **arguments):
        return self.answer(self.send(op, **arguments))

    def arrivals(self, name):
        """Times and payloads of the triggers of a job so far."""
        with self._lock:
            return list(self._arrivals.get(name, ()))

    def all_arrivals(self):
        with self._lock:
            return {name: list(arrivals) for name, arrivals in self._arrivals.items()}

    def stop(self):
        self.send("stop")
        code = self.process.wait(STOP_SECONDS)
        if code != 0:
            raise Failure(f"the program ended with code {code}")

    def close(self):
        self.process.close()
        self._reader.join()

    def _read(self):
        try:
            for line in self.process.popen.stdout:
                if line.startswith(MARK):
                    self._take(json.loads(line[len(MARK):]))
                else:
                    self.process.write_log(line)
        except ValueError as error:  # the pipe was closed, or the line is no JSON
            if self.process.alive():
                self.process.write_log(f"driver: cannot read the program: {error}\n".encode())
                self.process.kill()

    def _take(self, message):
        event = message.get("event")
        if event == "ready":
            self._ready.set()
        elif event == "job":
            data = message.get("data")
            payload = None if data is None else base64.b64decode(data)
            with self._lock:
                self._arrivals.setdefault(message["name"], []).append((time.time(), payload))
        else:
            with self._lock:
                answers = self._answers.pop(message["id"])
            answers.put(message)
