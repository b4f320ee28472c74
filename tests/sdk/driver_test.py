"""Tests of the driver: mistakes of a program are found and named, what a registry's client prints
is told apart, and nothing is left behind.

usage: driver_test.py --bin DIR --work DIR
"""

import argparse
import os
import pathlib
import shutil
import sys
import tempfile
import unittest

import run
from driver import install, processes, scenario
from driver.languages import LANGUAGES

OPTIONS = argparse.Namespace()

# Mistake of the plain program -> what the driver must say of it.
PLANTS = {
    "flip": "large: the payload has changed",
    "lose": "2 triggers of cron, of which 0 came",
    "repeat": "due-rfc3339: expected 1 triggers, got 2",
    "early": "due-duration: came .* s too early",
    "misread": "far-cron: ttl: expected '8760h', got None",
    "keep": "get: expected 500, but it succeeded",
    "accept": "a second job of the name: expected 409, but it succeeded",
    "crash": "the program ended with code 3",
}


def children():
    with open("/proc/self/task/%d/children" % os.getpid()) as file:
        return file.read().split()


class DriverTest(unittest.TestCase):
    def setUp(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(dir=OPTIONS.work))
        self.addCleanup(shutil.rmtree, self.directory)

    def replace(self, owner, name, value):
        before = getattr(owner, name)
        setattr(owner, name, value)
        self.addCleanup(setattr, owner, name, before)

    def run_plain(self, plant):
        plain = LANGUAGES["plain"]
        command = plain.prepare(self.directory) + [f"--plant={plant}"]
        run.run_sdk(plain, command, OPTIONS.bin, self.directory)

    def test_mistakes_of_a_program_are_found(self):
        self.replace(scenario, "ARRIVAL_SECONDS", 6)
        for plant, words in PLANTS.items():
            with self.subTest(plant):
                with self.assertRaisesRegex(processes.Failure, words):
                    self.run_plain(plant)
                self.assertEqual(children(), [])
                shutil.rmtree(self.directory / "data")

    def install(self, script):
        install.run(["sh", "-c", script], self.directory, self.directory / "log")

    def test_a_registry_out_of_reach_is_told_from_our_mistake(self):
        for line in (
            "npm error code EAI_AGAIN",
            "go: x: Get \"https://host/x\": dial tcp: lookup host: no such host",
            "Failed to establish a new connection: [Errno -3] Temporary failure in name resolution",
            "[6] Could not resolve hostname (Could not resolve host: host)",
            "Could not transfer artifact x: host: Unknown host host",
        ):
            with self.subTest(line), self.assertRaises(install.Unavailable):
                self.install(f"echo '{line}'; exit 1")
        for line in (
            "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.",
            "npm error code EINTEGRITY",
            "verifying module: checksum mismatch",
            "./main.go:10:2: undefined: x",
        ):
            with self.subTest(line), self.assertRaisesRegex(processes.Failure, "ended with code 1"):
                self.install(f"echo '{line}'; exit 1")

    def test_an_installation_that_hangs_ends(self):
        self.replace(install, "INSTALL_SECONDS", 0.2)
        with self.assertRaises(install.Unavailable):
            self.install("sleep 60 & sleep 60")
        self.assertEqual(children(), [])

    def test_a_tool_that_is_missing_or_old_is_unavailable(self):
        for name, least in (("no-such-tool", (1,)), ("sh", (5, 1))):
            with self.subTest(name), self.assertRaises(install.Unavailable):
                install.require_tool(name, ["echo", "version 4.9"], r"version (\S+)", least)
        version = install.require_tool("sh", ["echo", "version 5.10"], r"version (\S+)", (5, 9))
        self.assertEqual(version, "5.10")

    def test_installed_once_for_each_stamp(self):
        calls = []
        for stamp in ("a", "a", "b"):
            install.once(self.directory, stamp, lambda: calls.append(stamp))
        self.assertEqual(calls, ["a", "b"])

        def fail():
            raise install.Unavailable("out of reach")

        for _ in range(2):
            with self.assertRaises(install.Unavailable):
                install.once(self.directory, "c", fail)

    def test_what_is_unavailable_fails_in_ci_only(self):
        before = os.environ.pop("CI", None)
        try:
            self.assertEqual(run.report_unavailable("x", "gone", self.directory), run.SKIPPED)
            os.environ["CI"] = "true"
            self.assertEqual(run.report_unavailable("x", "gone", self.directory), 1)
        finally:
            os.environ.pop("CI", None)
            if before is not None:
                os.environ["CI"] = before


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True, type=pathlib.Path)
    parser.add_argument("--work", required=True, type=pathlib.Path)
    OPTIONS, rest = parser.parse_known_args()
    OPTIONS.work.mkdir(parents=True, exist_ok=True)
    unittest.main(argv=[sys.argv[0], *rest], verbosity=2)
