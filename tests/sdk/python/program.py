"""An app that schedules jobs with Dapr's Python SDK and receives them with the SDK's own gRPC
server. The driver tells it what to do, see tests/sdk/driver/program.py.

usage: program.py JOB...    the names of the jobs that it handles
"""

import base64
import json
import os
import re
import sys
import threading

from dapr.clients import ConstantFailurePolicy, DaprClient, DropFailurePolicy, Job
from dapr.clients.exceptions import DaprGrpcError
from dapr.ext.grpc import App, JobEvent
from google.protobuf.any_pb2 import Any

MESSAGE_BYTES_MAX = 16 * 1024 * 1024

_printing = threading.Lock()


def say(message):
    with _printing:
        print("@@ " + json.dumps(message), flush=True)


class Handler:
    """Reports each trigger of one job, and refuses the first ones if the job's name says so."""

    def __init__(self, name):
        found = re.match(r"fails-(\d+)-", name)
        self._failures = int(found.group(1)) if found else 0

    def __call__(self, event: JobEvent) -> None:
        data = base64.b64encode(event.data).decode()
        say({"event": "job", "name": event.name, "data": data})
        if self._failures > 0:
            self._failures -= 1
            raise RuntimeError("refused on purpose")


def to_policy(fields):
    if fields is None:
        return None
    if "drop" in fields:
        return DropFailurePolicy()
    constant = fields["constant"]
    return ConstantFailurePolicy(
        max_retries=constant["max_retries"], interval_seconds=constant["interval_ms"] // 1000)


def from_policy(policy):
    if isinstance(policy, DropFailurePolicy):
        return {"drop": {}}
    return {"constant": {
        "interval_ms": policy.interval_seconds * 1000, "max_retries": policy.max_retries}}


def to_job(fields):
    data = None
    if "data" in fields:
        data = Any(type_url=fields.get("type_url", ""), value=base64.b64decode(fields["data"]))
    return Job(
        name=fields["name"], schedule=fields.get("schedule"), repeats=fields.get("repeats"),
        due_time=fields.get("due_time"), ttl=fields.get("ttl"), data=data,
        failure_policy=to_policy(fields.get("failure_policy")))


def from_job(job):
    fields = {
        "name": job.name, "schedule": job.schedule, "repeats": job.repeats,
        "due_time": job.due_time, "ttl": job.ttl,
        "failure_policy": from_policy(job.failure_policy),
    }
    if job.data is not None:
        fields["data"] = base64.b64encode(job.data.value).decode()
        fields["type_url"] = job.data.type_url
    return fields


def carry_out(dapr, request):
    """The answer's fields."""
    if request["op"] == "schedule":
        dapr.schedule_job(to_job(request["job"]), overwrite=request.get("overwrite", False))
    elif request["op"] == "get":
        return {"job": from_job(dapr.get_job(request["name"]))}
    elif request["op"] == "delete":
        dapr.delete_job(request["name"])
    else:
        raise ValueError(f"no such call: {request['op']}")
    return {}


def serve(dapr):
    for line in sys.stdin:
        request = json.loads(line)
        if request["op"] == "stop":
            return
        try:
            answer = carry_out(dapr, request)
        except DaprGrpcError as error:
            answer = {"error": {"code": error.code().name, "message": error.details()}}
        say({"id": request["id"], **answer})
    sys.exit("the driver went away")


def main():
    app = App(max_grpc_message_length=MESSAGE_BYTES_MAX)
    for name in sys.argv[1:]:
        app.job_event(name)(Handler(name))
    server = threading.Thread(target=app.run, args=(int(os.environ["APP_PORT"]), "127.0.0.1"))
    server.start()
    try:
        with DaprClient(max_grpc_message_length=MESSAGE_BYTES_MAX) as dapr:
            say({"event": "ready"})
            serve(dapr)
    finally:
        app.stop()
        server.join()


if __name__ == "__main__":
    main()
