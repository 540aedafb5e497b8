#!/usr/bin/env bash
# Owns: the check of the systemd units: no unknown key, no bad value, and a service that is well confined.
# The units are checked in a folder of their own, with stubs in place of the programs, so that nothing need be installed.
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
if ! command -v systemd-analyze >/dev/null; then
  echo "skip  systemd-analyze is not installed"
  exit 0
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cp "$top"/systemd/evstored.{service,socket} "$folder"
cp /bin/true "$folder/evstored"
cp /bin/true "$folder/evctl"
sed -i "s|^\(Exec[A-Za-z]*\)=/usr/bin/|\1=$folder/|" "$folder/evstored.service"

# A manager that cannot even say its version says nothing about the units.
if ! systemd-analyze --version >/dev/null 2>&1; then
  echo "skip  systemd-analyze does not run here"
  exit 0
fi
if ! found=$(systemd-analyze verify --recursive-errors=no "$folder"/evstored.{service,socket} 2>&1) || [ -n "$found" ]; then
  echo "FAIL  systemd-analyze verify: $found"
  exit 1
fi
echo "ok    systemd-analyze verify finds nothing"
# Tenths: 5 is an exposure of 0.5, where 10 is everything and 0 is nothing.
if ! rating=$(systemd-analyze security --offline=yes --threshold=5 --no-pager "$folder/evstored.service" 2>&1); then
  echo "FAIL  $(tail -n 1 <<<"$rating")"
  exit 1
fi
echo "ok    $(tail -n 1 <<<"$rating" | tr -dc '[:print:]')"
