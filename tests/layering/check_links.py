"""Checks that links between documents, and from them to files, lead somewhere.

usage: check_links.py ROOT          prints one line for each dead link; exits 1 if there is any
"""

import re
import sys
from pathlib import Path

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
DOCUMENTS = ("*.md", "docs/**/*.md", "deploy/**/*.md")


def dead_links(root):
    """Returns (dead links as printable lines, number of documents)."""
    dead, documents = [], 0
    for pattern in DOCUMENTS:
        for file in sorted(root.glob(pattern)):
            documents += 1
            for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
                for link in LINK.findall(line):
                    target = link.partition("#")[0]
                    if re.match(r"[a-z]+:", link) or not target:
                        continue
                    if not (file.parent / target).exists():
                        dead.append(f"{file.relative_to(root)}:{number}: no such file: {target}")
    return dead, documents


def main():
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    dead, documents = dead_links(Path(sys.argv[1]).resolve())
    for line in dead:
        print(line)
    print(f"{documents} documents checked, {len(dead)} dead links")
    return 1 if dead or documents == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
