"""Checks the #includes of a source tree against rules.py, and rules that a formatter does not know.

usage: check_layering.py ROOT          prints one line for each violation; exits 1 if there is any
"""

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import rules  # noqa: E402  (found beside this file, wherever it is run from)

INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]')
TEST_NAME_WITH_SEMICOLON = re.compile(r'TEST_CASE\("[^"]*;')
SOURCE_SUFFIXES = {".h", ".cc"}
TEXT_SUFFIXES = SOURCE_SUFFIXES | {".proto", ".py", ".sh", ".cmake", ".txt"}


def module_of(path):
    """The module that a path belongs to, or None if it is not the project's."""
    best = None
    for module, prefixes in rules.MODULES.items():
        for prefix in prefixes:
            if path.startswith(prefix) and (best is None or len(prefix) > len(best[1])):
                best = (module, prefix)
    return best[0] if best else None


def library_of(include):
    """The restricted library that an include belongs to, or None."""
    if include.endswith(".grpc.pb.h"):
        return "gRPC"
    for library, prefixes in rules.LIBRARIES.items():
        if include.startswith(prefixes):
            return library
    return None


def includes(text):
    """Yields (line number, quoted or not, what is included)."""
    for number, line in enumerate(text.splitlines(), start=1):
        match = INCLUDE.match(line)
        if match:
            yield number, match.group(1) == '"', match.group(2)


def check_include(root, user, include, quoted):
    """What is wrong with one include of the module `user`, or None."""
    library = library_of(include)
    if library and user not in rules.LIBRARY_USERS[library]:
        return f"{user} may not include {library}: {include}"
    target = module_of(include)
    if target is None:
        if quoted and "/" not in include:
            return f"include the full path from the project's root: {include}"
        if user == "client_api" and "/" in include:
            if not include.startswith(rules.PUBLIC_HEADER_LIBRARIES):
                return f"a public header may not include {include}"
        return None
    if target != user and target not in rules.ARROWS[user]:
        return f"{user} may not include {target}: {include}"
    generated = include.endswith(".pb.h")
    public = (root / "client" / "include" / include).exists()
    if not (generated or public or (root / include).exists()):
        return f"no such header: {include}"
    return None


def own_header(root, path):
    """How the header of a .cc file is included, or None if it has none."""
    public = re.sub(r"^client/src/(.*)\.cc$", r"belfry/\1.h", path)
    if public != path and (root / "client" / "include" / public).exists():
        return public
    header = re.sub(r"\.cc$", ".h", path)
    return header if (root / header).exists() else None


def check_source(root, path, text):
    """Yields (line, message) for a C++ file; `path` is relative to `root`."""
    user = module_of(path)
    found = list(includes(text))
    for number, quoted, include in found:
        problem = check_include(root, user, include, quoted)
        if problem:
            yield number, problem
    if path.endswith(".h") and "#pragma once" not in text:
        yield 1, "a header begins with #pragma once"
    # A header that is included first compiles alone: nothing before it can hide what it lacks.
    header = own_header(root, path) if path.endswith(".cc") else None
    if header and (not found or found[0][2] != header):
        yield 1, f"include the own header first: {header}"


def check_text(text):
    """Yields (line, message) for any text file."""
    for number, line in enumerate(text.splitlines(), start=1):
        if len(line) > rules.COLUMNS_MAX:
            yield number, f"{len(line)} columns; the limit is {rules.COLUMNS_MAX}"
        if "\t" in line:
            yield number, "a tab"
        if TEST_NAME_WITH_SEMICOLON.search(line):
            yield number, "a semicolon in a test's name: CTest would see two tests"
        if line != line.rstrip():
            yield number, "white space at the end of the line"
    if text and not text.endswith("\n"):
        yield len(text.splitlines()), "no newline at the end of the file"


def check_tree(root):
    """Returns (violations as printable lines, number of C++ files seen)."""
    violations, sources = [], 0
    for folder in rules.SOURCE_FOLDERS + ("cmake", "deploy"):
        for file in sorted((root / folder).rglob("*")):
            if file.suffix not in TEXT_SUFFIXES or not file.is_file():
                continue
            path = file.relative_to(root).as_posix()
            text = file.read_text(encoding="utf-8")
            problems = [] if path.startswith("tests/data/") else list(check_text(text))
            if file.suffix in SOURCE_SUFFIXES and folder in rules.SOURCE_FOLDERS:
                sources += 1
                problems += check_source(root, path, text)
            violations += [f"{path}:{line}: {message}" for line, message in sorted(problems)]
    return violations, sources


def main():
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    violations, sources = check_tree(Path(sys.argv[1]).resolve())
    for violation in violations:
        print(violation)
    if sources == 0:
        print("no sources found: wrong root?")
        return 1
    print(f"{sources} sources checked, {len(violations)} violations")
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main())
