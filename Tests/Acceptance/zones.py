#!/usr/bin/env python3
"""Owns: the claim that evctl reads and prints local times as the zone database has them.

The judge is Python's zoneinfo, on the same files: every zone of the machine, from 1900 to 2100, every hour and some odd
minutes around each transition. A local time that comes twice is the earlier moment, and one that never comes is read by the
offset before the gap: both are what zoneinfo calls fold=0.
"""

import argparse
import os
import struct
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo, reset_tzpath

from store import TOP, Claims

FOLDER = "/usr/share/zoneinfo"
SECOND = timedelta(seconds=1)
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
FIRST, LAST = (int((datetime(year, 1, 1, tzinfo=timezone.utc) - EPOCH).total_seconds()) for year in (1900, 2101))
HOURS_AROUND = range(-5, 6)
ODD_SECONDS = (-1, 0, 1, 29 * 60, -29 * 60, 30 * 60, 31 * 60)


def zones():
    """Every zone of the database, as a name and its other names: the same file is the same zone."""
    found = {}
    for folder, folders, names in os.walk(FOLDER):
        folders[:] = [name for name in folders if name not in ("posix", "right")]
        for name in names:
            path = os.path.join(folder, name)
            with open(path, "rb") as file:
                data = file.read()
            if data.startswith(b"TZif"):
                found.setdefault(data, []).append(os.path.relpath(path, FOLDER))
    return sorted(sorted(names) for names in found.values())


def offset(zone, moment):
    """Seconds ahead of UTC."""
    return int((EPOCH + timedelta(seconds=moment)).astimezone(zone).utcoffset().total_seconds())


def listed(data):
    """The moments of the transitions that a zone file lists; its 64-bit data come second. Only where to look: what happens
    there is asked of zoneinfo."""
    def counts(start):
        return struct.unpack(">6l", data[start + 20:start + 44])

    utcs, standards, leaps, times, types, characters = counts(0)
    second = 44 + times * 5 + types * 6 + characters + leaps * 8 + standards + utcs
    count = counts(second)[3]
    return struct.unpack(f">{count}q", data[second + 44:second + 44 + 8 * count])


def transitions(zone, data):
    """Moments at which the offset changes: those that the file lists, and later ones, which are far apart, by steps."""
    moments = [moment for moment in listed(data) if FIRST <= moment < LAST]
    for moment in moments:
        yield moment, offset(zone, moment - 1), offset(zone, moment)
    step, start = 10 * 86_400, moments[-1] if moments else FIRST
    before = offset(zone, start)
    for moment in range(start, LAST, step):
        after = offset(zone, moment + step)
        if after == before:
            continue
        low, high = moment, moment + step
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if offset(zone, middle) == before else (low, middle)
        yield high, before, after
        before = after


def local_times(zone, data):
    """Local times around each transition, once as the clock before it counts and once as that after it."""
    times = set()
    for moment, before, after in transitions(zone, data):
        for shown in (moment + before, moment + after):
            times.update(shown + 3600 * hour for hour in HOURS_AROUND)
            times.update(shown + second for second in ODD_SECONDS)
    # Some days far from any change, for zones without one.
    times.update(range(FIRST, LAST, 5 * 365 * 86_400))
    start = datetime(1970, 1, 1)
    return [start + timedelta(seconds=time) for time in sorted(times)]


def expected(time, zone):
    """The line that `evctl time` should print for a local time: UTC, local and seconds."""
    moment = time.replace(tzinfo=zone).astimezone(timezone.utc)
    local = moment.astimezone(zone)
    utc, shown = moment.isoformat()[:19] + "Z", local.isoformat()
    # RFC 3339 has no room for an offset with seconds, as local mean times have.
    if local.utcoffset().seconds % 60:
        shown = utc
    return f"{utc}  {shown}  {(moment - EPOCH) // SECOND}"


def answers(evctl, name, times):
    """What evctl prints for local times, in a process whose TZ is that zone."""
    words = "".join(f"{time:%Y-%m-%d %H:%M:%S}\n" for time in times)
    done = subprocess.run([evctl, "time"], input=words, stdout=subprocess.PIPE, text=True, check=True, timeout=300,
                          env={**os.environ, "TZ": name, "TZDIR": FOLDER})
    return done.stdout.splitlines()


def differences(evctl, name):
    zone = ZoneInfo(name)
    with open(os.path.join(FOLDER, name), "rb") as file:
        times = local_times(zone, file.read())
    printed = answers(evctl, name, times)
    if len(printed) != len(times):
        return len(times), [f"{name}: {len(printed)} lines for {len(times)} times"]
    pairs = zip(times, printed, (expected(time, zone) for time in times))
    return len(times), [f"{name} {time}: {line!r}, not {other!r}" for time, line, other in pairs if line != other]


def main():
    parser = argparse.ArgumentParser(description="Compare evctl's local times with zoneinfo's.")
    parser.add_argument("--evctl", default=f"{TOP}/.build/release/evctl")
    parser.add_argument("zones", nargs="*", help="these zones only")
    options = parser.parse_args()
    reset_tzpath([FOLDER])
    claims, wrong, count = Claims(), [], 0
    groups = [[name] for name in options.zones] or zones()
    # The processes of evctl run beside the judge.
    with ThreadPoolExecutor(max_workers=2) as pool:
        for times, found in pool.map(lambda names: differences(options.evctl, names[0]), groups):
            count += times
            wrong += found
    for line in wrong[:20]:
        claims.note(line)
    names = sum(map(len, groups))
    claims.check(not wrong and count > 0, "local times are the moments that zoneinfo has, and are printed as it has them",
                 f"{len(wrong)} of {count} wrong, in {len(groups)} zones of {names} names")

    # All other names lead to the same file, and are found.
    others = [(name, names[0]) for names in groups for name in names[1:] if "/" in name]
    words = "".join(f"2026-07-01 12:00 {name}\n2026-07-01 12:00 {first}\n" for name, first in others if "/" in first)
    lines = subprocess.run([options.evctl, "time"], input=words, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    claims.check(len(lines) == words.count("\n") and lines[::2] == lines[1::2], "a zone is the same by all its names",
                 f"{len(lines) // 2} names")
    claims.end()


if __name__ == "__main__":
    main()
