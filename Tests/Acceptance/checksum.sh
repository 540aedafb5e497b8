#!/usr/bin/env bash
# Owns: which checksum costs what on this machine: CRC-32 by libdeflate, CRC-32C by the processor's instruction, a call and by
# the gigabyte, for the sizes of records and blocks. Needs a C compiler and libdeflate-dev; takes a few seconds.
set -euo pipefail
cd "$(dirname "$0")"

if ! grep -qw sse4_2 /proc/cpuinfo; then
  echo "no SSE4.2 on this machine: there is no CRC-32C instruction to measure"
  exit 0
fi
program=$(mktemp)
trap 'rm -f "$program"' EXIT
cc -std=c11 -D_POSIX_C_SOURCE=199309L -O2 -msse4.2 -Wall -Wextra -o "$program" checksum.c -ldeflate
grep -m 1 "^model name" /proc/cpuinfo | cut -d: -f2-
"$program"
