"""Installs what a program needs, with the ordinary clients of the package registries.

Everything lands in one work directory. What is locked is installed once; a changed lock file or
toolchain installs it again.
"""

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import signal
import subprocess

from driver.processes import Failure, tail

INSTALL_SECONDS = 1500

# What the clients print when they cannot reach a registry. Anything else that makes them fail is
# our mistake, for instance a hash that does not match.
OUT_OF_REACH = re.compile(
    r"ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH"
    r"|ERR_SOCKET_TIMEOUT"
    r"|no such host|connection refused|network is unreachable|i/o timeout|TLS handshake timeout"
    r"|Temporary failure in name resolution|Name or service not known|NewConnectionError"
    r"|ConnectTimeoutError|ReadTimeoutError|MaxRetryError|ProxyError"
    r"|Could ?n.t (resolve|connect to)|failed to connect to|network failure"
    r"|Unknown host|Connection timed out|Connect timed out",
    re.IGNORECASE,
)


class Unavailable(Exception):
    """A toolchain or a registry that this machine does not have. Nothing is wrong with us."""


def require_tool(name, version_command, pattern, least):
    """The version of a tool, as a text. Unavailable if it is missing or older than `least`."""
    if not shutil.which(name):
        raise Unavailable(f"{name} is not installed")
    result = subprocess.run(version_command, capture_output=True, text=True, timeout=60)
    found = re.search(pattern, result.stdout + result.stderr)
    if not found:
        raise Unavailable(f"{name} does not tell its version: {result.stdout}{result.stderr}")
    version = tuple(int(number) for number in re.findall(r"\d+", found.group(1)))
    if version < least:
        wanted = ".".join(map(str, least))
        raise Unavailable(f"{name} {found.group(1)} is too old, {wanted} is needed")
    return found.group(1)


def run(command, directory, log_path, environment=None):
    """Runs a step of an installation. Unavailable if a registry could not be reached."""
    print(f"    {' '.join(map(str, command))}", flush=True)
    with open(log_path, "wb") as log:
        process = subprocess.Popen(
            # Other tests may be running, some of them in a hurry.
            ["nice", "-n", "5", *map(str, command)],
            cwd=directory,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            code = process.wait(INSTALL_SECONDS)
        except subprocess.TimeoutExpired:
            raise Unavailable(f"no end of {command[0]} within {INSTALL_SECONDS} s") from None
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    if code == 0:
        return
    output = tail(log_path)
    found = OUT_OF_REACH.search(output)
    if found:
        raise Unavailable(f"a package registry is out of reach ({found.group(0)}):\n{output}")
    raise Failure(f"{' '.join(map(str, command))} ended with code {code}:\n{output}")


@contextlib.contextmanager
def locked(work_dir):
    """One installation at a time, also among several drivers."""
    with open(work_dir / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def fingerprint(files, *more):
    """Changes with the contents of the files and with the other texts."""
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.read_bytes() + b"\0")
    for text in more:
        digest.update(str(text).encode() + b"\0")
    return digest.hexdigest()


def once(work_dir, stamp, install):
    """Installs unless the last complete installation had the same stamp."""
    stamp_file = work_dir / "installed"
    if stamp_file.exists() and stamp_file.read_text() == stamp:
        return
    stamp_file.unlink(missing_ok=True)
    install()
    stamp_file.write_text(stamp)
