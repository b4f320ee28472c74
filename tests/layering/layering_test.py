"""Tests the checkers themselves: each planted violation is found, and what is allowed is not."""

import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import check_layering  # noqa: E402
import check_links  # noqa: E402
import rules  # noqa: E402

# A small tree that breaks no rule and uses every kind of arrow.
GOOD_TREE = {
    "scheduler/base/clock.h": "#pragma once\n",
    "scheduler/schedule/schedule.h": '#pragma once\n#include "scheduler/base/clock.h"\n',
    "scheduler/engine/engine.h": '#pragma once\n#include "belfry/storage/v1/records.pb.h"\n',
    "scheduler/engine/engine.cc": '#include "scheduler/engine/engine.h"\n\n#include <vector>\n',
    "storage/rocksdb_store.cc": '#include "storage/rocksdb_store.h"\n#include <rocksdb/db.h>\n'
    '#include "scheduler/engine/engine.h"\n',
    "server/service.cc": '#include "server/service.h"\n\n#include <grpcpp/grpcpp.h>\n'
    '#include "dapr/proto/scheduler/v1/scheduler.grpc.pb.h"\n#include "storage/rocksdb_store.h"\n',
    "storage/rocksdb_store.h": "#pragma once\n",
    "client/include/belfry/client.h": '#pragma once\n#include "absl/time/time.h"\n'
    '#include "dapr/proto/scheduler/v1/scheduler.pb.h"\n',
    "client/src/client.cc": '#include "belfry/client.h"\n\n#include <grpcpp/grpcpp.h>\n',
    "client/sidecar/app.cc": "#include <boost/asio.hpp>\n"
    '#include "belfry/client.h"\n',
    "client/cli/next.h": "#pragma once\n",
    "client/cli/next.cc": '#include "client/cli/next.h"\n'
    '#include "scheduler/schedule/schedule.h"\n',
    "client/cli/verify.h": "#pragma once\n",
    "client/cli/verify.cc": '#include "client/cli/verify.h"\n'
    '#include "storage/rocksdb_store.h"\n',
    "tests/unit/all_test.cc": "#include <catch2/catch.hpp>\n"
    '#include "server/service.h"\n#include "belfry/client.h"\n',
    "server/service.h": "#pragma once\n",
}

# name -> (file, text, part of the expected message)
PLANTED = {
    "core includes storage": (
        "scheduler/a.cc", '#include "storage/rocksdb_store.h"\n', "core may not include storage"),
    "core includes server": (
        "scheduler/a.cc", '#include "server/service.h"\n', "core may not include server"),
    "core includes gRPC": (
        "scheduler/a.cc", "#include <grpcpp/grpcpp.h>\n", "core may not include gRPC"),
    "core includes a generated service": (
        "scheduler/a.cc", '#include "dapr/proto/scheduler/v1/scheduler.grpc.pb.h"\n',
        "core may not include gRPC"),
    "core includes RocksDB, quoted and indented": (
        "scheduler/a.cc", '  # include "rocksdb/db.h"\n', "core may not include RocksDB"),
    "base includes the engine": (
        "scheduler/base/a.cc", '#include "scheduler/engine/engine.h"\n',
        "base may not include core"),
    "storage includes server": (
        "storage/a.cc", '#include "server/service.h"\n', "storage may not include server"),
    "server includes RocksDB": (
        "server/a.cc", "#include <rocksdb/db.h>\n", "server may not include RocksDB"),
    "server includes the client": (
        "server/a.cc", '#include "belfry/client.h"\n', "server may not include client_api"),
    "client library includes the core": (
        "client/src/a.cc", '#include "scheduler/base/clock.h"\n',
        "client_src may not include base"),
    "sidecar includes the core": (
        "client/sidecar/a.cc", '#include "scheduler/schedule/schedule.h"\n',
        "sidecar may not include schedule"),
    "command line includes the schedule outside next": (
        "client/cli/a.cc", '#include "scheduler/schedule/schedule.h"\n',
        "cli may not include schedule"),
    "command line includes the store outside verify": (
        "client/cli/a.cc", '#include "storage/rocksdb_store.h"\n', "cli may not include storage"),
    "verify includes RocksDB": (
        "client/cli/verify.cc",
        '#include "client/cli/verify.h"\n#include "rocksdb/db.h"\n',
        "cli_verify may not include RocksDB"),
    "next includes the engine": (
        "client/cli/next.h", '#pragma once\n#include "scheduler/engine/engine.h"\n',
        "cli_next may not include core"),
    "client includes records on disk": (
        "client/src/a.cc", '#include "belfry/storage/v1/records.pb.h"\n',
        "client_src may not include records"),
    "public header includes gRPC": (
        "client/include/belfry/a.h", "#pragma once\n#include <grpcpp/grpcpp.h>\n",
        "client_api may not include gRPC"),
    "public header includes a library": (
        "client/include/belfry/a.h", "#pragma once\n#include <spdlog/spdlog.h>\n",
        "a public header may not include"),
    "program includes a test": (
        "server/a.cc", '#include "tests/support/fake_clock.h"\n', "server may not include tests"),
    "program includes Catch2": (
        "server/a.cc", "#include <catch2/catch.hpp>\n", "server may not include Catch2"),
    "relative include": (
        "server/a.cc", '#include "service.h"\n', "full path from the project's root"),
    "header that is not there": (
        "server/a.cc", '#include "server/gone.h"\n', "no such header"),
    "header without a guard": ("server/a.h", "int a;\n", "#pragma once"),
    "own header not first": (
        "server/service.cc", '#include <vector>\n\n#include "server/service.h"\n',
        "own header first: server/service.h"),
    "public header not first": (
        "client/src/client.cc", '#include <vector>\n#include "belfry/client.h"\n',
        "own header first: belfry/client.h"),
    "long line": ("server/a.cc", "// " + "x" * 98 + "\n", "101 columns"),
    "semicolon in a test's name": (
        "tests/unit/a.cc", "TEST_CASE" '("one; two") {}\n', "a semicolon in a test's name"),
    "tab": ("server/a.cc", "\tint a;\n", "a tab"),
    "white space at the end": ("server/a.cc", "int a; \n", "white space at the end"),
    "no newline at the end": ("server/a.cc", "int a;", "no newline"),
}


def run_on(tree, check):
    """Calls check(root) on a directory with the given files."""
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        for path, text in tree.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text, encoding="utf-8")
        return check(root)


def violations_of(tree):
    return run_on(tree, check_layering.check_tree)[0]


class LayeringTest(unittest.TestCase):
    def test_good_tree_has_no_violation(self):
        self.assertEqual(violations_of(GOOD_TREE), [])

    def test_each_planted_violation_is_found_alone(self):
        for name, (path, text, expected) in PLANTED.items():
            with self.subTest(name):
                found = violations_of({**GOOD_TREE, path: text})
                self.assertEqual(len(found), 1, found)
                self.assertIn(path + ":", found[0])
                self.assertIn(expected, found[0])

    def test_dead_links_are_found(self):
        documents = {"README.md": "[a](docs/a.md#part) [b](https://example.com) [c](#here)\n",
                     "docs/a.md": "[up](../README.md)\n[gone](b.md)\n"}
        dead, count = run_on(documents, check_links.dead_links)
        self.assertEqual(dead, ["docs/a.md:2: no such file: b.md"])
        self.assertEqual(count, 2)

    def test_every_module_has_arrows_and_they_form_no_cycle(self):
        self.assertEqual(set(rules.ARROWS), set(rules.MODULES))
        # `next` is a part of the command line; the two count as one here.
        arrows = {m: {t for t in targets if (m, t) != ("cli_next", "cli")}
                  for m, targets in rules.ARROWS.items()}
        done = set()
        while len(done) < len(arrows):
            free = {m for m, targets in arrows.items() if m not in done and targets <= done}
            self.assertTrue(free, f"a cycle among {set(arrows) - done}")
            done |= free


if __name__ == "__main__":
    unittest.main()
