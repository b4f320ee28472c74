#!/bin/sh
# Installs those packages of the given lists that are missing. Does nothing, quickly and without
# root, when none is.
# usage: cmake/install-packages.sh LIST...
set -eu

if ! command -v dpkg-query >/dev/null 2>&1; then
  echo "not a Debian system: install the equivalents of the packages in $* by hand" >&2
  exit 0
fi

missing=''
for package in $(sed -e 's/#.*//' "$@" | awk 'NF { print $1 }'); do
  state=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true)
  [ "$state" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

echo "installing:$missing"
as_root=''
if [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo >/dev/null 2>&1; then
    echo "neither root nor sudo: as root, run: apt-get install$missing" >&2
    exit 1
  fi
  as_root=sudo
fi
# Waits for another apt-get rather than failing, and never asks a question.
apt_get() {
  $as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y \
    -o DPkg::Lock::Timeout=120 -o Acquire::Retries=3 "$@" </dev/null
}
apt_get update
# shellcheck disable=SC2086  # a list of words
apt_get install --no-install-recommends $missing
