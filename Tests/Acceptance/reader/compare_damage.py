# Owns: damaging a closed store, bit by bit and by cutting files, and holding what the reader says against evctl verify.
"""Each damage is undone before the next."""

from __future__ import annotations

import os
import random
import shutil
import signal
import time

from compare_daemon import Daemon, lines, odd_events, plain_events, verify
from evstore_reader import Store

LAST_PAGE = 4096


def files_of(data: str) -> list[str]:
    return sorted(
        os.path.relpath(os.path.join(folder, name), data)
        for folder, _, names in os.walk(data) for name in names
    )


def closed_store(binaries: str, folder: str) -> Daemon:
    """Sealed segments, one merged, one closed raw one with its trailer, an open one, and snapshots; stopped."""
    daemon = Daemon(binaries, folder, spares=0, recycled=0)
    daemon.start()
    try:
        for seed, count in ((1, 60), (2, 60)):
            daemon.run("import", stdin=lines(plain_events(count, seed)))
            daemon.roll()
        daemon.run("compact")
        daemon.run("import", stdin=lines([one for one in odd_events() if len(one.line) < 20000]))
        daemon.roll()
        daemon.run("import", stdin=lines(plain_events(50, 3)))
        log = os.path.join(daemon.data, "log")
        active = max(name for name in os.listdir(log) if name.endswith(".active"))
        os.link(os.path.join(log, active), os.path.join(folder, "kept"))
        daemon.run("snapshot")
        daemon.roll()
        daemon.run("import", stdin=lines(plain_events(40, 4)))
        daemon.run("snapshot")
    finally:
        daemon.end()
    # The raw segment as it was closed, in place of what it was sealed into: as a crash before that would leave it.
    os.remove(os.path.join(log, active.replace(".active", ".segment")))
    shutil.copy(os.path.join(folder, "kept"), os.path.join(log, active))
    return daemon


def moved_store(binaries: str, folder: str) -> tuple[Daemon, dict]:
    """A killed daemon whose last frame nobody vouches for, and a damaged one before it: recovery moves the tail to
    another segment, and the damaged one is never sealed. Gives the events as they were before the damage, too."""
    for turn in range(5):
        daemon = Daemon(binaries, f"{folder}{turn}")
        try:
            daemon.start()
            for seed in range(5):
                daemon.run("import", stdin=lines(plain_events(10, seed)))
            daemon.end(signal.SIGKILL)
            killed = Store(daemon.data)
            if killed.manifest and killed.manifest.tail == killed.last:
                continue  # a marker was faster, and vouches for the last frame
            flip(os.path.join(daemon.data, f"log/{1:020}.active"), 9000, 4)
            daemon.start()
            daemon.run("append", "odd", "behind", "moved")
            break
        finally:
            daemon.end()
    return daemon, {one.event_id: one for one in killed.events}


class Judge:
    """Knows the undamaged store, and judges what is said of a damaged one."""

    def __init__(self, binaries: str, data: str):
        self.binaries = binaries
        self.data = data
        self.whole = Store(data)
        self.events = {one.event_id: one for one in self.whole.events}
        self.wrong: list[str] = []
        self.disagree: list[str] = []
        self.other_ids: list[str] = []
        self.codes: dict[int, int] = {}
        self.damaged = 0
        self.lost = 0

    def judge(self, what: str, nothing: bool, must_tell: bool = False) -> None:
        """`nothing`: the bytes mean nothing, so that nobody may complain."""
        try:
            store = Store(self.data)
        except Exception as error:  # whatever it is, it is a fault of the reader
            self.wrong.append(f"{what}: the reader failed: {error!r}")
            return
        given = {one.event_id: one for one in store.events}
        lost = store.findings.lost()
        for id, event in given.items():
            if self.events.get(id) != event:
                self.wrong.append(f"{what}: event {id} is given out and is another")
        missing = [id for id in self.events if id not in given]
        if any(not any(first <= id <= last for first, last in lost) for id in missing):
            self.wrong.append(f"{what}: events {missing[0]} to {missing[-1]} are missing, and told lost are {lost}")
        if missing and store.findings.clean:
            self.wrong.append(f"{what}: events {missing[0]} to {missing[-1]} are missing without a finding")
        code, told = verify(self.binaries, self.data)
        self.codes[code] = self.codes.get(code, 0) + 1
        clean = code == 0
        self.damaged += not store.findings.clean
        self.lost += bool(missing)
        if clean != store.findings.clean or (nothing and not clean) or (must_tell and clean):
            self.disagree.append(f"{what}: verify exits {code} {told}; the reader says {[str(f) for f in store.findings.all]}")
        ranges = [(one["first"], one["last"]) if isinstance(one, dict) else one for one in told.get("damaged", [])]
        if "damaged" in told and joined(ranges) != store.findings.lost(("damage",)):
            self.other_ids.append(f"{what}: verify has lost {ranges}, the reader {lost}: {[str(f) for f in store.findings.all]}")


def joined(ranges: list) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for first, last in sorted(tuple(one) for one in ranges):
        if found and first <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(found[-1][1], last))
        else:
            found.append((first, last))
    return found


def report(check, judge: Judge, what: str, count: int) -> None:
    check(f"{what}: the reader never gives a wrong event, and tells what is missing", not judge.wrong, judge.wrong[:5])
    check(f"{what}: verify and the reader agree on clean or not", not judge.disagree, judge.disagree[:8])
    check(f"{what}: verify and the reader name the same lost ids", not judge.other_ids, judge.other_ids[:8])
    check(f"{what}: {count} tried, {judge.damaged} told, {judge.lost} cost events; exit statuses {judge.codes}", count > 0, "no time was left")


def check_flips(check, binaries: str, data: str, flips: int, seed: int, until: float) -> None:
    chance = random.Random(seed)
    judge = Judge(binaries, data)
    names = [one for one in files_of(data) if os.path.getsize(os.path.join(data, one))]
    weights = [3 if one.startswith("log/") else 1 for one in names]
    count = 0
    while count < flips and time.monotonic() < until:
        name = chance.choices(names, weights)[0]
        path = os.path.join(data, name)
        size = os.path.getsize(path)
        raw = next((one for one in judge.whole.segments if one.name == name and name.endswith(".active")), None)
        at = chance.randrange(size)
        if raw and chance.random() < 0.85:
            at = chance.choice([chance.randrange(8192, raw.end + 64), chance.randrange(8192),
                                chance.randrange(8192, raw.end + 64), chance.randrange(size - LAST_PAGE, size - LAST_PAGE + 200)])
        elif name == "manifest" and chance.random() < 0.8:
            at = chance.randrange(4) * 2048 + chance.randrange(256)
        bit = 1 << chance.randrange(8)
        nothing = judge.whole.means_nothing(name, at)
        flip(path, at, bit)
        try:
            judge.judge(f"{name}, byte {at}, bit {bit:#x}", nothing)
        finally:
            flip(path, at, bit)
        count += 1
    report(check, judge, "flips", count)


def check_marker(check, binaries: str, data: str) -> None:
    """The last frame of a store at rest is a marker, which nothing but the manifest vouches for."""
    judge = Judge(binaries, data)
    newest = judge.whole.segments[-1]
    for at in range(newest.end - 56, newest.end, 9):
        flip(os.path.join(data, newest.name), at, 2)
        try:
            judge.judge(f"{newest.name}, byte {at}, bit 0x2", nothing=False, must_tell=True)
        finally:
            flip(os.path.join(data, newest.name), at, 2)
    check("flips in the last marker: verify and the reader tell", not judge.disagree and not judge.wrong, judge.disagree[:2])


def flip(path: str, at: int, bit: int) -> None:
    with open(path, "r+b") as file:
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ bit]))


def check_cuts(check, binaries: str, data: str, cuts: int, seed: int, until: float) -> None:
    chance = random.Random(seed)
    judge = Judge(binaries, data)
    names = [one for one in files_of(data) if os.path.getsize(os.path.join(data, one)) and not one.endswith(".spare")]
    count = 0
    while count < cuts and time.monotonic() < until:
        name = names[count % len(names)]
        path = os.path.join(data, name)
        with open(path, "rb") as file:
            whole = file.read()
        raw = next((one for one in judge.whole.segments if one.name == name and name.endswith(".active")), None)
        end = raw.end if raw and chance.random() < 0.7 else len(whole)
        sector = chance.randrange((end + 511) // 512) * 512
        os.truncate(path, sector)
        try:
            judge.judge(f"{name} cut at {sector}", nothing=False, must_tell=True)
        finally:
            with open(path, "r+b") as file:
                file.write(whole)
        count += 1
    report(check, judge, "cuts", count)
