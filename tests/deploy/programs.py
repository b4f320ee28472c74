"""What the built programs say of themselves, and how their command lines are read."""

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

HELP_SECONDS_MAX = 20
FLAG = re.compile(r"(?<![\w-])--([a-z][a-z0-9-]*)")


@dataclass(frozen=True)
class Program:
    """A program's flags, and the defaults of those that its help tells."""

    name: str
    flags: frozenset
    defaults: dict


def parse_help(name, text):
    """Reads blocks such as

      --port UINT=50006 (Env:BELFRY_PORT)
                              gRPC port
      --app-protocol TEXT (Env:BELFRY_SIDECAR_APP_PROTOCOL)
                              http or grpc (http)

    where the default is after the type, or one word in brackets at the end.
    """
    defaults = {}
    text = re.sub(r"\(Env:[^)]*\)", "", text)
    for block in re.split(r"\n(?=  \S)", text):
        head = re.match(r"\s+(?:-\w,)?--([a-z][a-z0-9-]*)\S*(?: [A-Z]\S*)?", block)
        if not head:
            continue
        value = re.search(r"=(\S+)$", head.group(0)) or re.search(r"\((\S+)\)\s*$", block)
        if value:
            defaults[head.group(1)] = value.group(1)
    return Program(name, frozenset(FLAG.findall(text)), defaults)


def load_programs(bin_dir, names):
    programs = {}
    for name in names:
        done = subprocess.run([str(Path(bin_dir) / name), "--help"], capture_output=True, text=True,
                              timeout=HELP_SECONDS_MAX, check=True)
        programs[name] = parse_help(name, done.stdout)
    return programs


def parse_arguments(arguments):
    """Splits "--flag=value" arguments into a dict; a bare flag is "true"."""
    parsed = {}
    for argument in arguments:
        if argument.startswith("--"):
            flag, _, value = argument[2:].partition("=")
            parsed[flag] = value or "true"
    return parsed


def needed_packages(binary):
    """The Debian packages of the libraries that a binary is linked with directly, or None where
    there is no Debian to ask."""
    try:
        needed = subprocess.run(["readelf", "-d", str(binary)], capture_output=True, text=True,
                                timeout=HELP_SECONDS_MAX, check=True).stdout
        linked = subprocess.run(["ldd", str(binary)], capture_output=True, text=True,
                                timeout=HELP_SECONDS_MAX, check=True).stdout
        paths = dict(re.findall(r"(\S+) => (\S+)", linked))
        packages = set()
        for library in re.findall(r"\(NEEDED\).*\[(.*)\]", needed):
            if library not in paths:
                continue  # the loader itself
            real = str(Path(paths[library]).resolve())
            owner = subprocess.run(["dpkg-query", "-S", real], capture_output=True, text=True,
                                   timeout=HELP_SECONDS_MAX, check=False).stdout
            if not owner:  # /lib and /usr/lib are one directory
                owner = subprocess.run(["dpkg-query", "-S", real.removeprefix("/usr")],
                                       capture_output=True, text=True, timeout=HELP_SECONDS_MAX,
                                       check=True).stdout
            packages.add(owner.split(":")[0])
        return packages
    except FileNotFoundError:
        return None
