#!/bin/sh
# Writes the lock files anew after a version was changed in go.mod, requirements.in, package.json
# or Cargo.toml. Needs go, python3, npm and cargo. Download addresses are not recorded.
set -eu
cd "$(dirname "$0")"

for folder in go raw; do
  (cd "$folder" && go mod tidy)
done

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet pip-tools==7.6.2
"$work/venv/bin/pip-compile" --quiet --upgrade --generate-hashes --strip-extras --no-header \
  --no-annotate --no-emit-index-url --no-emit-find-links --no-emit-trusted-host \
  --output-file python/requirements.txt python/requirements.in

(cd javascript &&
  npm install --package-lock-only --ignore-scripts --omit-lockfile-registry-resolved=true &&
  python3 - package-lock.json <<'END'
import json, sys
with open(sys.argv[1]) as file:
    lock = json.load(file)
for package in lock["packages"].values():
    package.pop("funding", None)
    package.pop("resolved", None)
with open(sys.argv[1], "w") as file:
    json.dump(lock, file, indent=2)
    file.write("\n")
END
)

(cd rust && cargo generate-lockfile)
