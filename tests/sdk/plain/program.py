"""An app without any SDK: requests by hand and an HTTP server of Python's own library. Needs no
package, and so tests the driver too, for which it can make mistakes.
The driver tells it what to do, see tests/sdk/driver/program.py.

usage: program.py [--plant=MISTAKE] JOB...    the names of the jobs that it handles
"""

import base64
import http.client
import http.server
import json
import os
import re
import sys
import threading
import urllib.parse

CALL_SECONDS = 35
# What it can be made to do wrong.
PLANTS = ("flip", "lose", "repeat", "early", "misread", "keep", "accept", "crash")

_printing = threading.Lock()


def say(message):
    with _printing:
        print("@@ " + json.dumps(message), flush=True)


class App:
    """The jobs that are handled, and how often each is still to be refused."""

    def __init__(self, names, plant):
        self._plant = plant
        self._failures = {}
        for name in names:
            found = re.match(r"fails-(\d+)-", name)
            self._failures[name] = int(found.group(1)) if found else 0

    def take(self, name, body):
        """The status with which a trigger is answered."""
        if name not in self._failures:
            return 404
        self.report(name, body)
        if self._failures[name] > 0:
            self._failures[name] -= 1
            return 500
        return 204

    def report(self, name, body):
        if self._plant == "lose" and name == "cron":
            return
        if self._plant == "flip" and name == "large":
            body = body[:1000] + bytes([body[1000] ^ 1]) + body[1001:]
        message = {"event": "job", "name": name, "data": base64.b64encode(body).decode()}
        say(message)
        if self._plant == "repeat" and name == "due-rfc3339":
            say(message)

    def scheduled(self, name):
        if self._plant == "early" and name == "due-duration":
            self.report(name, b"")
        if self._plant == "crash" and name == "far-due":
            os._exit(3)


def serve(app):
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers["dapr-api-token"] != os.environ["APP_API_TOKEN"]:
                status = 401
            elif self.path.startswith("/job/"):
                status = app.take(urllib.parse.unquote(self.path[len("/job/"):]), body)
            else:
                status = 404
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def do_GET(self):
            self.send_error(404)

    server = http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["APP_PORT"])), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


class CallError(Exception):
    """The sidecar answered with an error."""


def call(method, name, body=None):
    connection = http.client.HTTPConnection(
        "127.0.0.1", int(os.environ["DAPR_HTTP_PORT"]), timeout=CALL_SECONDS)
    try:
        headers = {"dapr-api-token": os.environ["DAPR_API_TOKEN"]}
        connection.request(method, "/v1.0/jobs/" + urllib.parse.quote(name, safe=""), body, headers)
        response = connection.getresponse()
        text = response.read()
    finally:
        connection.close()
    if response.status >= 300:
        raise CallError(str(response.status), text.decode())
    return text


def schedule(job, overwrite):
    body = {"schedule": job.get("schedule"), "dueTime": job.get("due_time"),
            "repeats": job.get("repeats"), "ttl": job.get("ttl"), "overwrite": overwrite,
            "failurePolicy": to_policy(job.get("failure_policy"))}
    if "data" in job:
        body["data"] = json.loads(base64.b64decode(job["data"]))
    call("POST", job["name"], json.dumps(body))


def to_policy(fields):
    if fields is None or "drop" in fields:
        return fields
    constant = fields["constant"]
    return {"constant": {"interval": f"{constant['interval_ms'] / 1000:g}s",
                         "maxRetries": constant["max_retries"]}}


def from_policy(policy):
    if "drop" in policy:
        return policy
    constant = policy["constant"]
    return {"constant": {"interval_ms": float(constant["interval"].removesuffix("s")) * 1000,
                         "max_retries": constant["maxRetries"]}}


def get(name):
    job = json.loads(call("GET", name))
    fields = {"name": job["name"], "schedule": job.get("schedule"), "due_time": job.get("dueTime"),
              "repeats": job.get("repeats"), "ttl": job.get("ttl"),
              "failure_policy": from_policy(job["failurePolicy"])}
    if "data" in job:
        fields["data"] = base64.b64encode(json.dumps(job["data"]["value"]).encode()).decode()
    return fields


def carry_out(app, request, plant):
    """The answer's fields."""
    if request["op"] == "schedule":
        app.scheduled(request["job"]["name"])
        overwrite = request.get("overwrite", False) or plant == "accept"
        schedule(request["job"], overwrite)
    elif request["op"] == "get":
        job = get(request["name"])
        if plant == "misread":
            job["ttl"] = None
        return {"job": job}
    elif request["op"] == "delete":
        if plant != "keep":
            call("DELETE", request["name"])
    else:
        raise ValueError(f"no such call: {request['op']}")
    return {}


def main():
    names = sys.argv[1:]
    plant = None
    if names and names[0].startswith("--plant="):
        plant = names.pop(0).removeprefix("--plant=")
        if plant not in PLANTS:
            sys.exit(f"no such mistake: {plant}")
    app = App(names, plant)
    server = serve(app)
    say({"event": "ready"})
    for line in sys.stdin:
        request = json.loads(line)
        if request["op"] == "stop":
            server.shutdown()
            return
        try:
            answer = carry_out(app, request, plant)
        except CallError as error:
            answer = {"error": {"code": error.args[0], "message": error.args[1]}}
        say({"id": request["id"], **answer})
    sys.exit("the driver went away")


if __name__ == "__main__":
    main()
