"""Checks the systemd units. Every check yields one line a problem."""

import re

from programs import parse_arguments

HARDENING = {
    "DynamicUser": "yes",
    "NoNewPrivileges": "yes",
    "PrivateTmp": "yes",
    "ProtectHome": "yes",
    "ProtectSystem": "strict",
    "CapabilityBoundingSet": "",
}


def parse(text):
    """Returns section -> key -> value; of a key that is given twice, the last counts."""
    text = re.sub(r"\\\n\s*", "", re.sub(r"^[#;].*\n", "", text, flags=re.MULTILINE))
    sections, current = {}, None
    for line in text.splitlines():
        if line.startswith("["):
            current = sections.setdefault(line.strip("[]"), {})
        elif line.strip():
            key, _, value = line.partition("=")
            current[key] = value.strip()
    return sections


def check_flags(where, arguments, program):
    for flag in arguments:
        if flag not in program.flags:
            yield f"{where}: {program.name} has no flag --{flag}"


def check_variables(where, command, service):
    """Every ${VARIABLE} of the command has a default in the unit."""
    defined = {pair.partition("=")[0] for pair in service.get("Environment", "").split()}
    for variable in re.findall(r"\$\{(\w+)\}", command):
        if variable not in defined:
            yield f"{where}: ${{{variable}}} has no default"


def check_unit(where, unit, programs):
    service = unit.get("Service", {})
    command = service.get("ExecStart", "")
    path, *rest = command.split()
    name = path.rsplit("/", 1)[-1]
    if path != f"/usr/bin/{name}" or name not in programs:
        yield f"{where}: ExecStart does not begin with an installed program: {path}"
        return
    arguments = parse_arguments(rest)
    yield from check_flags(where, arguments, programs[name])
    yield from check_variables(where, command, service)
    for key, value in HARDENING.items():
        if service.get(key) != value:
            yield f"{where}: {key} is not \"{value}\""
    if service.get("Restart") not in ("always", "on-failure"):
        yield f"{where}: is not started again after a crash"
    if name == "belfry-scheduler":
        home = f"/var/lib/{service.get('StateDirectory', '?')}/"
        if not arguments.get("data-dir", "").startswith(home):
            yield f"{where}: --data-dir does not lie in the state directory {home}"
    if "WantedBy" not in unit.get("Install", {}):
        yield f"{where}: cannot be enabled"


def check(units, programs):
    for where, unit in units.items():
        yield from check_unit(where, unit, programs)
