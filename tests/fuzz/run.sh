#!/bin/sh
# Runs every fuzz target in turn, each from its corpus in the project and from what earlier runs
# found. Goes on after a find; fails at the end if there was one.
# usage: tests/fuzz/run.sh BUILD_DIRECTORY SECONDS
set -eu

if [ $# -ne 2 ]; then
  echo "usage: $0 BUILD_DIRECTORY SECONDS" >&2
  exit 2
fi
build=$1
seconds=$2
here=$(dirname "$0")
failed=''

for corpus in "$here"/corpus/*/; do
  target=$(basename "$corpus")
  found=$build/corpus/$target
  mkdir -p "$found" "$build/finds"
  dict=''
  [ ! -f "$here/$target.dict" ] || dict="-dict=$here/$target.dict"
  echo "== $target: $seconds s; finds go to $build/finds/$target-*"
  # shellcheck disable=SC2086  # one word or none
  "$build/bin/belfry_fuzz_$target" $dict -max_total_time="$seconds" -timeout=5 -rss_limit_mb=2048 \
    -max_len=4200 -print_final_stats=1 -print_funcs=0 -verbosity=0 \
    -artifact_prefix="$build/finds/$target-" \
    "$found" "$corpus" || failed="$failed $target"
done

if [ -n "$failed" ]; then
  echo "found something:$failed" >&2
  exit 1
fi
