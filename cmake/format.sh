#!/bin/sh
# Formats all C++ sources in place; with --check, lists those that are not formatted and fails.
set -eu
cd "$(dirname "$0")/.."
formatter=${CLANG_FORMAT:-clang-format-14}
if ! command -v "$formatter" >/dev/null 2>&1; then
  echo "$formatter not found: run make deps-dev" >&2
  exit 1
fi
options=-i
[ "${1:-}" != --check ] || options='--dry-run -Werror'
# shellcheck disable=SC2086  # a list of words
find scheduler storage server client tests \( -name '*.h' -o -name '*.cc' \) -print0 |
  xargs -0 -r "$formatter" $options
