"""Checks deploy/Containerfile. Every check yields one line a problem."""

import json
import re

NONROOT_USER = "65532:65532"
BASE = re.compile(r"^debian:12(-slim)?$")
# Always there, or a dependency of every package that is written in C++.
IMPLIED_PACKAGES = {"libc6", "libgcc-s1", "libstdc++6"}


def parse(text):
    """Returns the stages, in order, as name -> list of (instruction, arguments)."""
    text = re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE)
    text = re.sub(r"\\\n", " ", text)
    stages, current = {}, None
    for line in text.splitlines():
        if not line.strip():
            continue
        instruction, _, rest = line.strip().partition(" ")
        rest = rest.strip()
        if instruction == "FROM":
            base, _, name = rest.partition(" AS ")
            current = stages.setdefault(name, [("FROM", base)])
        else:
            current.append((instruction, rest))
    return stages


def last(stage, instruction):
    found = [rest for name, rest in stage if name == instruction]
    return found[-1] if found else None


def images(stages):
    """The names of the images that are built: one for each stage that runs something."""
    return {f"belfry-{name}" for name, stage in stages.items() if last(stage, "ENTRYPOINT")}


def check_image(name, stage, stages, built):
    """A stage that becomes an image."""
    base = last(stage, "FROM")
    if base not in stages or not BASE.match(last(stages[base], "FROM")):
        yield f"{name}: not built on the runtime stage"
    if last(stage, "USER") != NONROOT_USER:
        yield f"{name}: runs as {last(stage, 'USER')}, not as {NONROOT_USER}"
    program = json.loads(last(stage, "ENTRYPOINT"))[0]
    copied = [rest for instruction, rest in stage if instruction == "COPY"]
    binary = program.rsplit("/", 1)[-1]
    if not any(f"bin/{binary}" in rest and rest.endswith(" /usr/bin/") for rest in copied):
        yield f"{name}: {program} is not copied into the image"
    if binary not in built:
        yield f"{name}: no program {binary} is built"


def check_scheduler(stage, program):
    """The default data directory lies on the declared volume, and the ports are the defaults."""
    arguments = json.loads(last(stage, "CMD") or "[]")
    data_dir = next((a.split("=", 1)[1] for a in arguments if a.startswith("--data-dir=")), "")
    if not data_dir.startswith((last(stage, "VOLUME") or "?") + "/"):
        yield f"scheduler: --data-dir={data_dir} does not lie on the volume"
    for argument in arguments:
        if argument[2:].partition("=")[0] not in program.flags:
            yield f"scheduler: no such flag: {argument}"
    defaults = {program.defaults.get(f) for f in ("port", "healthz-port", "metrics-port")}
    if set((last(stage, "EXPOSE") or "").split()) != defaults:
        yield "scheduler: EXPOSE does not name the default ports"


def check_runtime(stage, needed):
    """The runtime stage installs what the programs are linked with, and the time zones."""
    installed = set(last(stage, "RUN").split())
    for package in sorted((needed | {"tzdata"}) - IMPLIED_PACKAGES):
        if package not in installed:
            yield f"runtime: {package} is not installed"


def check(stages, programs, built, needed):
    for name in ("scheduler", "sidecar"):
        if name not in stages:
            yield f"no stage {name}"
    for name, stage in stages.items():
        if last(stage, "ENTRYPOINT"):
            yield from check_image(name, stage, stages, built)
    if "scheduler" in stages:
        yield from check_scheduler(stages["scheduler"], programs["belfry-scheduler"])
    if needed is not None:
        yield from check_runtime(stages["runtime"], needed)
