#!/bin/sh
# Repeats which SDKs could not be tested, and why. CTest would show that only on request.
# usage: tests/sdk/skipped.sh WORK_DIRECTORY
set -eu

for file in "$1"/*/skipped; do
  [ -e "$file" ] && cat "$file"
done
true
