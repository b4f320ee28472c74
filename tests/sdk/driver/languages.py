"""The programs: what they need, how they are installed, how they are started.

Nothing is written into the source tree, and nothing outside the work directory: caches too are
there, so that deleting it leaves the machine as it was.
"""

import dataclasses
import importlib.util
import os
import pathlib
import shutil
import sys
from typing import Callable

from driver import install
from driver.cases import AnyPayloads, JsonPayloads
from driver.scenario import Sdk

SDK_DIR = pathlib.Path(__file__).resolve().parent.parent

# Codes as gRPC names them, in the spelling of most SDKs.
GRPC_CODES = {
    "exists_code": "ALREADY_EXISTS",
    "missing_code": "INTERNAL",
    "invalid_code": "INVALID_ARGUMENT",
}


@dataclasses.dataclass(frozen=True)
class Language:
    """`prepare` is given the language's work directory and returns the command that starts the
    program; it raises install.Unavailable if the machine lacks something. `sdk` is None for what
    is no SDK and brings its own tests."""

    name: str
    prepare: Callable
    sdk: Sdk = None


def copy_sources(name, work_dir):
    """A fresh copy of the language's folder, for clients that write beside the sources."""
    target = work_dir / "source"
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(SDK_DIR / name, target)
    return target


def prepare_plain(_):
    return [sys.executable, "-B", SDK_DIR / "plain" / "program.py"]


def go_environment(work_dir):
    """Both Go programs share what was downloaded and built."""
    shared = work_dir.parent / "go-shared"
    return {
        "GOPATH": str(shared / "path"),
        "GOCACHE": str(shared / "cache"),
        "GOTOOLCHAIN": "local",
    }


def go_needs(folder):
    """The version of Go that go.mod asks for."""
    line = next(l for l in (folder / "go.mod").read_text().splitlines() if l.startswith("go "))
    return tuple(int(number) for number in line.split()[1].split("."))


def build_go(name, work_dir, command):
    source = SDK_DIR / name
    install.require_tool("go", ["go", "version"], r"go(\d+\.\d+(?:\.\d+)?)", go_needs(source))
    program = work_dir / "program"
    install.run(
        ["go", *command, "-mod=readonly", "-modcacherw", "-buildvcs=false", "-o", program, "."],
        source, work_dir / "install.log", go_environment(work_dir),
    )
    return [program]


def prepare_go(work_dir):
    return build_go("go", work_dir, ["build"])


def prepare_raw(work_dir):
    program = build_go("raw", work_dir, ["test", "-c"])
    return [*program, "-test.parallel=8", "-test.timeout=5m"]


def prepare_python(work_dir):
    version = "%d.%d" % sys.version_info[:2]
    if sys.version_info < (3, 10):
        raise install.Unavailable(f"Python {version} is too old, 3.10 is needed")
    if not importlib.util.find_spec("ensurepip"):
        raise install.Unavailable("Python lacks ensurepip, which Debian has in python3-venv")
    source = SDK_DIR / "python"
    requirements = source / "requirements.txt"
    venv = work_dir / "venv"

    def install_packages():
        log = work_dir / "install.log"
        install.run([sys.executable, "-m", "venv", "--clear", venv], source, log)
        install.run(
            [venv / "bin" / "python", "-m", "pip", "install", "--require-hashes", "--no-deps",
             "--only-binary=:all:", "--no-cache-dir", "--retries=2", "--disable-pip-version-check",
             "--requirement", requirements],
            source, log,
        )

    install.once(work_dir, install.fingerprint([requirements], sys.executable, version),
                 install_packages)
    return [venv / "bin" / "python", "-B", source / "program.py"]


def prepare_javascript(work_dir):
    source = SDK_DIR / "javascript"
    version = install.require_tool("node", ["node", "--version"], r"v(\d+\.\d+)", (18, 0))
    install.require_tool("npm", ["npm", "--version"], r"(\d+\.\d+)", (8, 0))
    target = work_dir / "source"

    def install_packages():
        copy_sources("javascript", work_dir)
        install.run(
            ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=3",
             "--fetch-retry-mintimeout=1000", "--fetch-retry-maxtimeout=10000",
             f"--cache={work_dir / 'cache'}"],
            target, work_dir / "install.log",
        )

    locked = [source / "package.json", source / "package-lock.json"]
    install.once(work_dir, install.fingerprint(locked, version), install_packages)
    # Node looks for packages beside the program.
    shutil.copy(source / "program.mjs", target)
    return ["node", target / "program.mjs"]


def prepare_java(work_dir):
    source = SDK_DIR / "java"
    version = install.require_tool("javac", ["javac", "-version"], r"javac (\d+)", (17,))
    install.require_tool("mvn", ["mvn", "--version"], r"Maven (\d+\.\d+)", (3, 6))
    target = work_dir / "source" / "target"

    def install_packages():
        copy_sources("java", work_dir)
        install.run(
            ["mvn", "--batch-mode", "--quiet", f"-Dmaven.repo.local={work_dir / 'repository'}",
             "-Dmaven.wagon.http.retryHandler.count=2", "compile",
             "dependency:copy-dependencies", f"-DoutputDirectory={target / 'lib'}"],
            work_dir / "source", work_dir / "install.log",
        )

    files = sorted(file for file in source.rglob("*") if file.is_file())
    install.once(work_dir, install.fingerprint(files, version), install_packages)
    return ["java", "-cp", f"{target / 'classes'}:{target / 'lib'}/*", "belfry.Program"]


def prepare_rust(work_dir):
    source = SDK_DIR / "rust"
    install.require_tool("cargo", ["cargo", "--version"], r"cargo (\d+\.\d+)", (1, 88))
    home = work_dir / "home"
    home.mkdir(exist_ok=True)
    # Where the user's registry is, if it is not the usual one.
    usual = pathlib.Path(os.environ.get("CARGO_HOME", pathlib.Path.home() / ".cargo"))
    if (usual / "config.toml").exists():
        shutil.copy(usual / "config.toml", home)
    target = work_dir / "target"
    install.run(
        ["cargo", "build", "--locked", "--quiet"], source, work_dir / "install.log",
        {"CARGO_HOME": str(home), "CARGO_TARGET_DIR": str(target), "CARGO_NET_RETRY": "2"},
    )
    return [target / "debug" / "program"]


LANGUAGES = {
    language.name: language
    for language in (
        Language("plain", prepare_plain, Sdk(
            app_protocol="http", payloads=JsonPayloads(empty=(None, b"")), exists_code="409",
            missing_code="500", invalid_code="400", types=False)),
        Language("go", prepare_go, Sdk(
            app_protocol="grpc", payloads=AnyPayloads(), exists_code="AlreadyExists",
            missing_code="Internal", invalid_code="InvalidArgument")),
        Language("python", prepare_python, Sdk(
            app_protocol="grpc", payloads=AnyPayloads(), **GRPC_CODES)),
        # Express makes an empty object of no body.
        Language("javascript", prepare_javascript, Sdk(
            app_protocol="http", payloads=JsonPayloads(empty=(None, b"{}")), exists_code="409",
            missing_code="500", invalid_code="400", types=False)),
        Language("rust", prepare_rust, Sdk(
            app_protocol="grpc", payloads=AnyPayloads(), exists_code="AlreadyExists",
            missing_code="Internal", invalid_code="InvalidArgument", lists=True)),
        # The SDK knows due times and ttls as instants, and payloads as bytes. Of the time between
        # retries it sends and reads the fraction of a second only.
        Language("java", prepare_java, Sdk(
            app_protocol="http", payloads=AnyPayloads(), **GRPC_CODES, types=False,
            instants=True, retry_ms=500, default_retry_ms=0)),
        Language("raw", prepare_raw),
    )
}
