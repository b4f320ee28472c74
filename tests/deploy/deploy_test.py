"""Everything in deploy/ agrees with the programs as they are built.

usage: deploy_test.py ROOT BIN_DIR

Besides the real files, planted mistakes are checked: each must be found.
"""

import copy
import sys
import unittest
from pathlib import Path

import yaml

sys.path.insert(0, str(Path(__file__).parent))
import check_containers  # noqa: E402
import check_kubernetes  # noqa: E402
import check_systemd  # noqa: E402
import programs as programs_module  # noqa: E402

PROGRAMS = ("belfry-scheduler", "belfry-sidecar")
BUILT = PROGRAMS + ("belfry", "belfry-example-app")
ROOT, BIN_DIR = Path("."), Path(".")


def load_manifests():
    documents = []
    for file in sorted((ROOT / "deploy" / "kubernetes").glob("*.yaml")):
        documents += [d for d in yaml.safe_load_all(file.read_text()) if d]
    return documents


def load_units():
    files = sorted((ROOT / "deploy" / "systemd").glob("*.service"))
    return {file.name: check_systemd.parse(file.read_text()) for file in files}


class DeployTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.programs = programs_module.load_programs(BIN_DIR, PROGRAMS)
        cls.containerfile = (ROOT / "deploy" / "Containerfile").read_text()
        cls.images = check_containers.images(check_containers.parse(cls.containerfile))
        found = [programs_module.needed_packages(BIN_DIR / name) for name in BUILT]
        cls.needed = None if None in found else set().union(*found)

    def kubernetes(self, documents):
        return list(check_kubernetes.check(documents, self.programs, self.images))

    def containers(self, text):
        built = [name for name in BUILT if (BIN_DIR / name).exists()]
        stages = check_containers.parse(text)
        return list(check_containers.check(stages, self.programs, built, self.needed))

    def systemd(self, units):
        return list(check_systemd.check(units, self.programs))

    def test_help_tells_flags_and_default_ports(self):
        scheduler = self.programs["belfry-scheduler"]
        self.assertEqual(scheduler.defaults.get("port"), "50006")
        self.assertEqual(scheduler.defaults.get("healthz-port"), "8080")
        self.assertEqual(scheduler.defaults.get("metrics-port"), "9090")
        sidecar = self.programs["belfry-sidecar"]
        self.assertEqual(sidecar.defaults.get("dapr-http-port"), "3500")
        self.assertEqual(sidecar.defaults.get("dapr-grpc-port"), "50001")
        self.assertEqual(sidecar.defaults.get("metrics-port"), "9090")
        self.assertNotIn("no-such-flag", scheduler.flags | sidecar.flags)

    def test_kubernetes_manifests(self):
        documents = load_manifests()
        kinds = sorted(d["kind"] for d in documents)
        self.assertEqual(kinds, ["Deployment", "Namespace", "Service", "Service", "StatefulSet"])
        self.assertEqual(self.kubernetes(documents), [])

    def test_containerfile(self):
        self.assertEqual(self.containers(self.containerfile), [])

    def test_systemd_units(self):
        units = load_units()
        self.assertEqual(sorted(units), ["belfry-scheduler.service", "belfry-sidecar@.service"])
        self.assertEqual(self.systemd(units), [])

    def assert_found(self, problems, expected):
        self.assertTrue(any(expected in p for p in problems), f"{expected!r} not in {problems}")

    def test_planted_mistakes_in_manifests_are_found(self):
        for name, (plant, expected) in MANIFEST_MISTAKES.items():
            with self.subTest(name):
                documents = copy.deepcopy(load_manifests())
                plant(documents)
                self.assert_found(self.kubernetes(documents), expected)

    def test_planted_mistakes_in_the_containerfile_are_found(self):
        for old, new, expected in CONTAINERFILE_MISTAKES:
            with self.subTest(f"{old} -> {new}"):
                self.assertIn(old, self.containerfile)
                self.assert_found(self.containers(self.containerfile.replace(old, new)), expected)

    def test_planted_mistakes_in_units_are_found(self):
        for unit, key, value, expected in UNIT_MISTAKES:
            with self.subTest(f"{unit}: {key}={value}"):
                units = copy.deepcopy(load_units())
                units[unit]["Service"][key] = value
                self.assert_found(self.systemd(units), expected)


def by_kind(documents, kind):
    return next(d for d in documents if d["kind"] == kind)


def scheduler_spec(documents):
    return by_kind(documents, "StatefulSet")["spec"]


def scheduler(documents):
    return scheduler_spec(documents)["template"]["spec"]["containers"][0]


def sidecar(documents):
    return by_kind(documents, "Deployment")["spec"]["template"]["spec"]["containers"][1]


def replace_argument(container, old, new):
    replaced = [new if a.startswith(old) else a for a in container["args"]]
    assert replaced != container["args"], f"{old} is not there"
    container["args"] = replaced


# name -> (what to plant, part of what must be said of it)
MANIFEST_MISTAKES = {
    "three replicas": (
        lambda d: scheduler_spec(d).update(replicas=3), "3 replicas, not one"),
    "data beside the volume": (
        lambda d: replace_argument(scheduler(d), "--data-dir", "--data-dir=/var/lib/belfry2/data"),
        "does not lie on a claimed volume"),
    "data directory left out": (
        lambda d: scheduler(d)["args"].remove("--data-dir=/var/lib/belfry/data"),
        "does not lie on a claimed volume"),
    "volume that is not claimed": (
        lambda d: scheduler_spec(d).pop("volumeClaimTemplates"),
        "does not lie on a claimed volume"),
    "unknown flag of the scheduler": (
        lambda d: scheduler(d)["args"].append("--no-such-flag=1"),
        "belfry-scheduler has no flag --no-such-flag"),
    "unknown flag of the sidecar": (
        lambda d: sidecar(d)["args"].append("--no-such-flag"),
        "belfry-sidecar has no flag --no-such-flag"),
    "port that nobody listens on": (
        lambda d: scheduler(d)["ports"][0].update(containerPort=50007), "is not one that"),
    "port moved by a flag": (
        lambda d: scheduler(d)["args"].append("--port=6000"), "is not one that"),
    "probe of another port": (
        lambda d: scheduler(d)["livenessProbe"]["httpGet"].update(port="grpc"),
        "does not ask the port of --healthz-port"),
    "probe of another path": (
        lambda d: sidecar(d)["readinessProbe"]["httpGet"].update(path="/health"),
        "does not serve"),
    "no readiness probe": (
        lambda d: scheduler(d).pop("readinessProbe"), "no readinessProbe"),
    "runs as root": (
        lambda d: scheduler_spec(d)["template"]["spec"]["securityContext"].update(runAsUser=0),
        "does not run as user"),
    "writable root file system": (
        lambda d: sidecar(d)["securityContext"].update(readOnlyRootFilesystem=False),
        "the root file system is writable"),
    "capabilities kept": (
        lambda d: scheduler(d)["securityContext"].pop("capabilities"), "capabilities are kept"),
    "volume that the user cannot write": (
        lambda d: scheduler_spec(d)["template"]["spec"]["securityContext"].pop("fsGroup"),
        "no fsGroup"),
    "service that selects nothing": (
        lambda d: by_kind(d, "Service")["spec"].update(selector={"app": "other"}),
        "selects no pods"),
    "service to a port that is not there": (
        lambda d: by_kind(d, "Service")["spec"]["ports"][0].update(targetPort="api"),
        "no container declares the port api"),
    "governing service with an address": (
        lambda d: by_kind(d, "Service")["spec"].pop("clusterIP"), "is no headless service"),
    "pods that the set does not select": (
        lambda d: scheduler_spec(d)["selector"].update(matchLabels={"app": "other"}),
        "the selector does not match"),
    "sidecar that asks the wrong port": (
        lambda d: replace_argument(sidecar(d), "--scheduler-host-address",
                                   "--scheduler-host-address="
                                   "dapr-scheduler-server-a.dapr-system.svc:50006"),
        "leads to no scheduler"),
    "address of another namespace": (
        lambda d: replace_argument(scheduler(d), "--override-broadcast-host-port",
                                   "--override-broadcast-host-port="
                                   "$(POD_NAME).dapr-scheduler-server.default.svc:50006"),
        "leads to no scheduler"),
    "sidecar that calls another port than the app's": (
        lambda d: replace_argument(sidecar(d), "--app-port", "--app-port=3001"),
        "--app-port is not the app's"),
    "image that is not built": (
        lambda d: scheduler(d).update(image="registry.example/scheduler:1"),
        "no image is built with the name scheduler"),
}

# (text, its replacement, part of what must be said of it)
CONTAINERFILE_MISTAKES = [
    ("USER 65532:65532", "USER root", "runs as root"),
    ("      tzdata \\\n", "", "tzdata is not installed"),
    ("--data-dir=/var/lib/belfry/data", "--data-dir=/data", "does not lie on the volume"),
    ("--data-dir", "--data-directory", "no such flag"),
    ("EXPOSE 50006", "EXPOSE 50007", "does not name the default ports"),
    ("bin/belfry-sidecar /usr/bin/", "bin/belfry-sidecar /opt/", "is not copied"),
    ("AS sidecar", "AS other", "no stage sidecar"),
    ("FROM runtime AS scheduler", "FROM alpine AS scheduler", "not built on the runtime stage"),
]

# (unit, key, value, part of what must be said of it)
UNIT_MISTAKES = [
    ("belfry-scheduler.service", "ExecStart", "/usr/bin/belfry-scheduler --no-such-flag=1",
     "has no flag --no-such-flag"),
    ("belfry-scheduler.service", "ExecStart", "/usr/bin/belfry-schedule --port=1",
     "does not begin with an installed program"),
    ("belfry-scheduler.service", "StateDirectory", "other", "does not lie in the state directory"),
    ("belfry-scheduler.service", "ProtectSystem", "no", "ProtectSystem is not"),
    ("belfry-scheduler.service", "Restart", "no", "is not started again"),
    ("belfry-sidecar@.service", "Environment", "APP_PORT=0", "has no default"),
]


if __name__ == "__main__":
    ROOT, BIN_DIR = Path(sys.argv[1]), Path(sys.argv[2])
    unittest.main(argv=sys.argv[:1] + sys.argv[3:])
