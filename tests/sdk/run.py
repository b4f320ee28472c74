"""Runs programs that use Dapr's official SDKs against our scheduler and sidecar.

usage: run.py --bin DIR --work DIR LANGUAGE...    `all` for every language

Installs what a program needs from the package registries into the work directory, starts a
scheduler, a sidecar and the program, and lets it do what an app does. A registry or a toolchain
that is not there skips the language (exit code 77), or fails if the environment has CI=true.
"""

import argparse
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from driver import cases, install
from driver.belfry import Scheduler, Sidecar
from driver.languages import LANGUAGES
from driver.processes import Failure, tail
from driver.program import Program
from driver.scenario import Scenario

SKIPPED = 77  # what CTest and Automake take for "skipped"
SKIPPED_FILE = "skipped"  # in a language's work directory
OWN_TESTS_SECONDS = 400
TOKENS = {"DAPR_API_TOKEN": "token-of-the-api", "APP_API_TOKEN": "token-of-the-app"}


def run_sdk(language, command, bin_dir, run_dir):
    scheduler = Scheduler(bin_dir, run_dir)
    sidecar = Sidecar(bin_dir, run_dir, scheduler.address, f"sdk-{language.name}",
                      language.sdk.app_protocol, TOKENS)
    program = None
    try:
        scheduler.start()
        sidecar.start()
        program = Program(
            [*command, *cases.handled()], run_dir / "program.log",
            {
                **TOKENS,
                "APP_PORT": str(sidecar.app_port),
                "DAPR_HTTP_PORT": str(sidecar.http_port),
                "DAPR_GRPC_PORT": str(sidecar.grpc_port),
            },
            run_dir,
        )
        program.wait_until_ready()
        sidecar.wait_until_ready()
        Scenario(language.sdk, scheduler, sidecar, program).run()
        program.stop()
    finally:
        for process in (program, sidecar, scheduler):
            if process:
                process.close()


def run_own_tests(command, bin_dir, run_dir):
    """A program that starts scheduler and sidecar itself."""
    process = subprocess.Popen(
        command, cwd=run_dir, stdin=subprocess.DEVNULL, start_new_session=True,
        env={**os.environ, "BELFRY_BIN_DIR": str(bin_dir)},
    )
    try:
        code = process.wait(OWN_TESTS_SECONDS)
    except subprocess.TimeoutExpired:
        raise Failure(f"did not end within {OWN_TESTS_SECONDS} s") from None
    finally:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass  # it has left nothing behind
        process.wait()
    if code != 0:
        raise Failure(f"ended with code {code}")


def run_language(language, bin_dir, language_dir):
    print(f"{language.name}: installing", flush=True)
    with install.locked(language_dir):
        command = [str(part) for part in language.prepare(language_dir)]
    print(f"{language.name}: running", flush=True)
    run_dir = pathlib.Path(tempfile.mkdtemp(prefix="run-", dir=language_dir))
    try:
        if language.sdk:
            run_sdk(language, command, bin_dir, run_dir)
        else:
            run_own_tests(command, bin_dir, run_dir)
    except Exception:
        for log in sorted(run_dir.glob("*.log")):
            print(f"--- the end of {log.name}\n{tail(log)}", flush=True)
        raise
    finally:
        shutil.rmtree(run_dir)


def report_unavailable(name, error, language_dir):
    """Says so as loudly as a terminal can; a failure where everything must be there. Also kept in
    a file, because CTest shows the output of failed tests only."""
    ci = os.environ.get("CI", "").lower() in ("1", "true")
    stars = "*" * 78
    verdict = "FAILED" if ci else "SKIPPED, NOTHING WAS TESTED"
    text = f"\n{stars}\nsdk: {name}: {verdict}: {error}\n{stars}\n"
    print(text, flush=True)
    (language_dir / SKIPPED_FILE).write_text(text)
    return 1 if ci else SKIPPED


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", required=True, type=pathlib.Path, help="where our programs are")
    parser.add_argument("--work", required=True, type=pathlib.Path, help="for what is installed")
    parser.add_argument("languages", nargs="+", choices=[*LANGUAGES, "all"])
    arguments = parser.parse_args()
    # Ends through the `finally`s, so that nothing is left behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))

    names = list(LANGUAGES) if "all" in arguments.languages else arguments.languages
    results = {}
    for name in names:
        began = time.monotonic()
        language_dir = arguments.work.resolve() / name
        language_dir.mkdir(parents=True, exist_ok=True)
        (language_dir / SKIPPED_FILE).unlink(missing_ok=True)
        try:
            run_language(LANGUAGES[name], arguments.bin.resolve(), language_dir)
            results[name] = 0
        except install.Unavailable as error:
            results[name] = report_unavailable(name, error, language_dir)
        except Exception as error:  # every kind is a failure of this language only
            if not isinstance(error, (Failure, OSError)):
                raise
            print(f"{name}: FAILED: {error}", flush=True)
            results[name] = 1
        verdict = {0: "passed", SKIPPED: "skipped"}.get(results[name], "failed")
        print(f"{name}: {verdict} after {time.monotonic() - began:.0f} s", flush=True)

    counts = [list(results.values()).count(code) for code in (0, 1, SKIPPED)]
    print("%d passed, %d failed, %d skipped" % tuple(counts), flush=True)
    if counts[1]:
        return 1
    return SKIPPED if counts[2] and not counts[0] else 0


if __name__ == "__main__":
    sys.exit(main())
