#!/usr/bin/env python3
"""Owns: what the daemon makes of a store that was damaged on disk: what it serves, what it reports, what it refuses.

A store with sealed segments, a raw one in use and snapshots is made once. Each case damages a copy of it, starts the
daemon, and reads every event: it must be what was appended, or an error that names it. Which ids may be lacking is known
from the place of the damage. Each claim begins with its row in the table of faults.
"""

import collections
import hashlib
import json
import os
import shutil
import struct
import subprocess
import time
import zlib

from appenders import append_of, entries, entry
from kill import projections
from scene import Scene, attempt
from segments import HEADER, HEADER_COPY, blocks, flip, footer, frames
from store import TOP, Claims, Folder, Lost, Refused, arguments, info, wait_until_sealed

# Merging is kept away, so that segments stay where a case looks for them.
SETTINGS = {"EVSTORED_SEGMENT_BYTES": str(1 << 20), "EVSTORED_COMPACTION_BYTES": str(1 << 20),
            "EVSTORED_SNAPSHOTS_EVERY_EVENTS": "2000"}
CORRUPT, IN_USE, IO_ERROR, CONFIGURATION = 65, 69, 74, 78
# Bytes of an entry of the manifest.
ENTRY = 256
VERIFY_FOUND = 6
Survey = collections.namedtuple("Survey", "wrong lacking")


class Store:
    """The undamaged store, what is in it, and copies of it."""

    def __init__(self, claims, folder, options):
        self.claims, self.folder, self.options = claims, folder, options
        self.copies = 0
        scene = Scene(claims, folder, options, SETTINGS)
        self.daemon, self.sources = scene.daemon, scene.sources
        self.daemon.start()
        connection = self.daemon.connect()
        for _ in range(4):
            scene.append([(32, 1, False), (4, 8, False)], limit=200)
            scene.settle()
            connection.ask("EV.SNAPSHOT")
            wait_until_sealed(connection)
        connection.close()
        self.daemon.stop()
        self.earlier = os.path.join(folder.path, "earlier")
        shutil.copytree(self.daemon.data, self.earlier)
        self.daemon.start()
        connection = self.daemon.connect()
        # What is in the active segment afterwards comes in many frames.
        for _ in range(12):
            scene.append([(1, 1, False), (2, 5, False)], limit=4)
            scene.settle()
        self.events = dict(entries(connection, 0, connection.ask("EV.COUNT")))
        self.tail = len(self.events)
        self.states = projections(connection)
        connection.ask("EV.SNAPSHOT")
        connection.close()
        if self.daemon.stop() != 0:
            raise SystemExit("FAIL  the store could not be made")
        self.sealed = [os.path.basename(path) for path in self.daemon.files(".segment")]
        self.raw = os.path.basename(self.daemon.files(".active")[-1])

    def copy(self, settings=None):
        self.copies += 1
        daemon = self.folder.daemon(self.options.evstored, dict(SETTINGS, **(settings or {})), name=f"{self.copies}")
        shutil.copytree(self.daemon.data, daemon.data)
        return daemon

    def survey(self, connection):
        """Reads every event. What is wrong with which, and which ranges are errors."""
        wrong, lacking, after = [], [], 0
        while after < self.tail:
            answer = attempt(connection, "EV.READ", "AFTER", after, "BEFORE", self.tail + 1)
            if isinstance(answer, Refused):
                code, first, last = (str(answer).split(" ") + ["0", "0"])[:3]
                if code != "CORRUPT" or not after < int(first) <= int(last):
                    return Survey(wrong + [str(answer)], lacking)
                if int(first) > after + 1:
                    wrong.append(f"{answer}, where {after + 1} is next")
                lacking.append((int(first), min(int(last), self.tail)))
                after = int(last)
            elif not answer:
                return Survey(wrong + [f"the log ends after {after}"], lacking)
            else:
                for position, event in map(entry, answer):
                    if position != after + 1 or self.events[position] != event:
                        wrong.append(f"event {position}, after {after}")
                    after = position
        return Survey(wrong, merged(lacking))


def merged(ranges):
    """The same ids in the fewest ranges."""
    joined = []
    for first, last in sorted(ranges):
        if joined and first <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(last, joined[-1][1]))
        else:
            joined.append((first, last))
    return joined


def ranges_of(figures):
    return merged(tuple(map(int, part.split("-"))) for part in figures["damaged"].split(",") if part)


def digest(path):
    with open(path, "rb") as file:
        return hashlib.sha1(file.read()).hexdigest()


def tree(path):
    """Every name below a folder, with a digest of what is in it."""
    found = {}
    for folder, _, names in os.walk(path):
        found[os.path.relpath(folder, path)] = None
        for name in names:
            found[os.path.relpath(os.path.join(folder, name), path)] = digest(os.path.join(folder, name))
    return found


class Case:
    """One copy, damaged in one way."""

    def __init__(self, store, row, name, settings=None):
        self.store, self.claims = store, store.claims
        self.label = f"row {row}: {name}"
        self.daemon = store.copy(settings)

    def path(self, name):
        return os.path.join(self.daemon.data, "log", name)

    @property
    def manifest(self):
        return os.path.join(self.daemon.data, "manifest")

    def claim(self, holds, text, detail=""):
        self.claims.check(holds, f"{self.label}: {text}", detail)

    def verify(self, *arguments):
        """evctl verify: its exit status, and its report."""
        done = subprocess.run([self.store.options.evctl, *arguments, "-o", "json"], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, check=False)
        try:
            return done.returncode, json.loads(done.stdout)
        except ValueError:
            return done.returncode, {"damaged": [], "problems": [done.stderr.strip()]}

    def serves(self, lacking, evidence=(), also_lacking=(), heals=False):
        """Starts, and gives all events but those of the ranges `lacking`, which are errors and are named everywhere;
        appends go on behind everything that was; the files of `evidence` stay as they are. Ids of `also_lacking` may
        be lacking too. What `heals` is whole again once its records have been sealed."""
        lacking = merged(lacking)
        before = {path: digest(path) for path in evidence}
        status, report = self.verify("verify", "--data-dir", self.daemon.data)
        offline = merged((one["first"], one["last"]) for one in report["damaged"])
        self.claim(status == VERIFY_FOUND and offline == lacking, "evctl verify offline exits with 6 and names it",
                   f"{status}, {offline}, {str(report['problems'])[:100]}")
        self.daemon.start()
        connection = self.daemon.connect()
        survey = self.store.survey(connection)
        within = all(any(low <= first and last <= high for low, high in merged([*lacking, *also_lacking]))
                     for first, last in survey.lacking)
        self.claim(not survey.wrong and within and (also_lacking or survey.lacking == lacking),
                   "every event is right, or an error that names it",
                   f"lacking {survey.lacking}, expected {lacking}" + (f"; {survey.wrong[:3]}" if survey.wrong else ""))
        figures = info(connection)
        self.claim(figures["state"] == ("degraded" if lacking else "ok") and ranges_of(figures) == survey.lacking,
                   "EV.INFO says so", f"{figures['state']}, {figures['damaged']!r}")
        expected = int(figures["last_id"]) + 1
        answer = attempt(connection, *append_of(self.store.sources(50, self.store.copies, False)))
        self.claim(answer == expected and answer > self.store.tail, "appends go on, and no id is given twice", f"{answer}")
        status, report = self.verify("-s", self.daemon.socket, "verify")
        live = merged((one["first"], one["last"]) for one in report["damaged"])
        self.claim((status == VERIFY_FOUND or heals and status == 0) and live == survey.lacking, "evctl verify live exits with 6 and names it",
                   f"{status}, {live}, {str(report['problems'])[:100]}")
        self.claim(self.daemon.stop() == 0, "a stop ends with status 0")
        self.claim(all(os.path.exists(path) and digest(path) == before[path] for path in evidence),
                   "the damaged file is left as it is")
        self.daemon.start()
        connection = self.daemon.connect()
        again = self.store.survey(connection)
        event = attempt(connection, "EV.GET", expected)
        self.claim(again == survey and isinstance(event, list), "a second start finds the same, and what was appended")
        self.daemon.stop()

    def killed(self):
        """Appends ten events one by one, and kills the daemon before the marker. The last id."""
        self.daemon.start()
        connection = self.daemon.connect()
        for number in range(10):
            last = connection.ask(*append_of(self.store.sources(50, 100 + number, False)))
        self.daemon.kill()
        return last

    def heals_manifest(self, words):
        """Serves everything, says what was wrong with the manifest, and makes it anew."""
        self.daemon.start()
        connection = self.daemon.connect()
        survey = self.store.survey(connection)
        self.claim(not survey.wrong and not survey.lacking and info(connection)["state"] == "ok", "every event is there",
                   f"{survey}")
        self.claim(words in self.daemon.notes(), "the log says so")
        self.daemon.stop()
        status, report = self.verify("verify", "--data-dir", self.daemon.data)
        self.claim(status == 0, "it is whole again", f"{status} {str(report['problems'])[:100]}")

    def refuses(self, status, words, before=(), writes_nothing=True):
        """Does not start, says why, and writes nothing."""
        files = tree(self.daemon.data) if os.path.exists(self.daemon.data) else None
        found, said = self.daemon.refuses(before=before)
        after = tree(self.daemon.data) if os.path.exists(self.daemon.data) else None
        self.claim(found == status and words in said, f"a start is refused with status {status} and a reason",
                   f"{found} {said}")
        if writes_nothing:
            self.claim(files == after, "not a byte is written", f"{differences(files, after)}" if files != after else "")


def differences(before, after):
    before, after = before or {}, after or {}
    return sorted(name for name in {*before, *after} if before.get(name, "") != after.get(name, ""))[:5]


def record_blocks(path):
    return [block for block in blocks(path) if block.kind == 1]


def sealed_cases(store):
    middle = store.sealed[1]
    case = Case(store, 15, "a bit of a sealed block is flipped")
    victim = record_blocks(case.path(middle))[2]
    flip(case.path(middle), (victim.offset + victim.end) // 2, 3)
    case.serves([(victim.first_id, victim.last_id)], [case.path(middle)])

    case = Case(store, 15, "two blocks side by side, and one of the next segment")
    found = record_blocks(case.path(middle))
    other = record_blocks(case.path(store.sealed[2]))[-1]
    flip(case.path(middle), found[0].end - 5)
    flip(case.path(middle), found[1].offset + 70)
    flip(case.path(store.sealed[2]), other.offset + 60)
    case.serves([(found[0].first_id, found[1].last_id), (other.first_id, other.last_id)])

    case = Case(store, 17, "a bit of a block's length")
    victim = record_blocks(case.path(middle))[1]
    flip(case.path(middle), victim.offset + 40, 6)
    case.serves([(victim.first_id, victim.last_id)], [case.path(middle)])

    case = Case(store, 36, "the footer of a sealed segment")
    flip(case.path(middle), footer(case.path(middle)) + 40)
    case.serves([], [case.path(middle)])

    case = Case(store, 36, "an index page of a sealed segment")
    keys = next(block for block in blocks(case.path(middle)) if block.kind == 2)
    flip(case.path(middle), keys.end - 9)
    case.serves([], [case.path(middle)])

    case = Case(store, 18, "a sealed segment is truncated")
    found = record_blocks(case.path(middle))
    cut = found[len(found) // 2]
    os.truncate(case.path(middle), cut.offset + 100)
    case.serves([(cut.first_id, found[-1].last_id)], [case.path(middle)])

    case = Case(store, 18, "a sealed segment is empty")
    whole = record_blocks(case.path(middle))
    first, last = whole[0].first_id, whole[-1].last_id
    os.truncate(case.path(middle), 0)
    case.serves([(first, last)])

    case = Case(store, 19, "a sealed segment is missing")
    os.remove(case.path(middle))
    case.serves([(first, last)])


def raw_cases(store):
    raw = store.raw
    found = [frame for frame in frames(os.path.join(store.daemon.data, "log", raw)) if frame.records]
    single = next(frame for frame in found[2:] if frame.records == 1)
    several = next(frame for frame in found[2:] if frame.records > 4)

    case = Case(store, 16, "a bit of a record in the segment in use")
    flip(case.path(raw), single.offset + 56 + 40)
    case.serves([(single.first_id, single.first_id)], [case.path(raw)])

    case = Case(store, 16, "a bit of one record among several of a frame")
    flip(case.path(raw), several.offset + 56 + 40)
    case.serves([(several.first_id, several.first_id)], [case.path(raw)],
                also_lacking=[(several.first_id, several.first_id + several.records - 1)])

    # Its records follow on to those before, and each vouches for itself.
    case = Case(store, 17, "a frame header's length of the segment in use")
    flip(case.path(raw), several.offset + 44, 7)
    case.serves([], heals=True)

    case = Case(store, 17, "a record's length in the segment in use")
    flip(case.path(raw), several.offset + 56 + 6, 5)
    case.serves([(several.first_id, several.first_id + several.records - 1)], [case.path(raw)],
                also_lacking=[(several.first_id, several.first_id + several.records - 1)])

    case = Case(store, 16, "the header of the segment in use")
    flip(case.path(raw), 20)
    case.serves([])


def lost_newest(store):
    """The manifest tells how far the newest file had come: of a store at rest, to the last id."""
    raw = store.raw
    found = [frame for frame in frames(os.path.join(store.daemon.data, "log", raw)) if frame.records]
    first, cut = found[0].first_id, found[len(found) // 2]

    case = Case(store, 19, "both headers of the segment in use")
    flip(case.path(raw), 20)
    flip(case.path(raw), HEADER_COPY + 20)
    case.serves([(first, store.tail)])
    aside = os.listdir(os.path.join(case.daemon.data, "quarantine"))
    case.claim(raw in aside, "the file is in the quarantine", f"{aside}")

    case = Case(store, 19, "the segment in use is missing")
    os.remove(case.path(raw))
    case.serves([(first, store.tail)])

    case = Case(store, 18, "the segment in use is cut")
    os.truncate(case.path(raw), cut.offset + 60)
    case.serves([(cut.first_id, store.tail)], [case.path(raw)])

    case = Case(store, 18, "the last frame of the segment in use, and the marker behind it, are zeros")
    with open(case.path(raw), "r+b") as file:
        file.seek(found[-1].offset)
        file.write(bytes(found[-1].end - found[-1].offset + 56))
    case.serves([(found[-1].first_id, store.tail)], [case.path(raw)])

    case = Case(store, 16, "a bit of the last frame of the segment in use, and one of the marker behind it")
    flip(case.path(raw), found[-1].offset + 56 + 40)
    flip(case.path(raw), found[-1].end + 20)
    case.serves([(found[-1].first_id, found[-1].first_id)], [case.path(raw)],
                also_lacking=[(found[-1].first_id, store.tail)])

    case = Case(store, 19, "an older copy of the segment in use")
    shutil.copy(os.path.join(store.earlier, "log", raw), case.path(raw))
    case.serves([(first, store.tail)])

    case = Case(store, 19, "the manifest is missing")
    os.remove(case.manifest)
    case.heals_manifest("the manifest is missing")

    case = Case(store, 19, "every copy of the manifest is damaged")
    for offset in range(20, os.path.getsize(case.manifest), 2048):
        flip(case.manifest, offset)
    case.heals_manifest("of the manifest is damaged")

    def judge(case, first, last):
        """Of a segment in use that was not closed the manifest tells how much it can have held."""
        case.daemon.start()
        connection = case.daemon.connect()
        survey, figures = store.survey(connection), info(connection)
        low, high = (ranges_of(figures) or [(0, 0)])[0]
        case.claim(not survey.wrong, "every event is right, or an error that names it", f"{survey.lacking}, {survey.wrong[:3]}")
        case.claim(figures["state"] == "degraded" and low == first and last <= high <= last + (1 << 20) // 33,
                   "EV.INFO names as many ids as the file can have held", f"{figures['state']}, {figures['damaged']}")
        answer = attempt(connection, *append_of(store.sources(50, 3, False)))
        case.claim(isinstance(answer, int) and answer == high + 1 > last, "no id is given twice", f"{answer}, after {last}")
        case.daemon.stop()

    case = Case(store, 19, "the segment in use is missing after a kill")
    last = case.killed()
    os.remove(case.path(raw))
    judge(case, first, last)

    case = Case(store, 18, "the segment in use is cut after a kill")
    last = case.killed()
    cut = next(frame for frame in frames(case.path(raw)) if frame.records and frame.first_id == last - 5)
    os.truncate(case.path(raw), cut.offset + 60)
    judge(case, cut.first_id, last)


def raw_beside_sealed(store):
    """A crash may leave a raw file beside what has been made of it."""
    case = Case(store, 15, "a sealed segment is damaged while its raw one is still there")
    case.daemon.start()
    wait_until_sealed(case.daemon.connect())
    case.daemon.stop()
    sealed = case.path(store.raw.replace(".active", ".segment"))
    block = record_blocks(sealed)[0]
    flip(sealed, (block.offset + block.end) // 2)
    shutil.copy(os.path.join(store.daemon.data, "log", store.raw), case.path(store.raw))
    case.daemon.start()
    connection = case.daemon.connect()
    survey = store.survey(connection)
    case.claim(not survey.wrong and not survey.lacking and info(connection)["state"] == "ok", "every event is there",
               f"{survey}")
    aside = os.listdir(os.path.join(case.daemon.data, "quarantine"))
    case.claim(os.path.basename(sealed) in aside, "the sealed one is in the quarantine", f"{aside}")
    wait_until_sealed(connection)
    survey = store.survey(connection)
    case.claim(not survey.wrong and not survey.lacking and record_blocks(sealed)[0].first_id == block.first_id,
               "the raw one is sealed again", f"{survey}")
    case.daemon.stop()


def torn_tail(store):
    """What a crash leaves of a write that was not acknowledged: not damage."""
    case = Case(store, 1, "a torn write behind the last frame")
    end = frames(case.path(store.raw))[-1].end
    torn = os.urandom(700)
    with open(case.path(store.raw), "r+b") as file:
        file.seek(end)
        file.write(torn)
    case.daemon.start()
    connection = case.daemon.connect()
    survey = store.survey(connection)
    case.claim(not survey.wrong and not survey.lacking and connection.ask("EV.COUNT") == store.tail,
               "everything is there, and no more", f"{survey}")
    folder = os.path.join(case.daemon.data, "quarantine")
    saved = [name for name in os.listdir(folder) if os.path.isfile(os.path.join(folder, name))]
    with open(os.path.join(folder, saved[0]), "rb") as file:
        kept = file.read()
    case.claim(len(saved) == 1 and kept.startswith(torn), "its bytes are in the quarantine", f"{saved}")
    case.claim(info(connection)["state"] == "ok", "the store is well")
    case.daemon.stop()


def of_version(version, header):
    """What carries a version at 8 and its checksum at 12, with another version."""
    header = bytearray(header)
    header[8:10] = struct.pack("<H", version)
    header[12:16] = bytes(4)
    header[12:16] = struct.pack("<I", zlib.crc32(header))
    return bytes(header)


def strangers(store):
    case = Case(store, 20, "a segment of another store")
    other = store.folder.daemon(store.options.evstored, SETTINGS, name="other")
    other.start()
    connection = other.connect()
    connection.ask("EV.APPEND", "order", "order-1", "created", "{}")
    wait_until_sealed(connection)
    other.stop()
    shutil.copy(other.files(".segment")[0], case.path(store.sealed[1]))
    case.refuses(CORRUPT, "another store", writes_nothing=False)

    case = Case(store, 20, "a segment twice, under two names")
    shutil.copy(case.path(store.sealed[1]), case.path(f"{store.tail + 5000:020}.segment"))
    case.refuses(CORRUPT, "renamed", writes_nothing=False)

    case = Case(store, 25, "store.json of a later format")
    with open(os.path.join(case.daemon.data, "store.json"), "r+") as file:
        text = file.read().replace('"format":2', '"format":9')
        file.seek(0)
        file.write(text)
    case.refuses(CORRUPT, "version 9")

    case = Case(store, 25, "a segment of a later version")
    place = footer(case.path(store.sealed[1]))
    with open(case.path(store.sealed[1]), "r+b") as file:
        header = of_version(7, file.read(HEADER))
        file.seek(0)
        file.write(header)
        file.seek(place)
        end = bytearray(file.read())
        end[:HEADER] = header
        end[-12:-8] = struct.pack("<I", zlib.crc32(end[:-12]))
        file.seek(place)
        file.write(end)
    case.refuses(CORRUPT, "version 7")

    case = Case(store, 25, "a manifest of a later version")
    with open(case.manifest, "r+b") as file:
        slots = file.read()
        for offset in range(0, len(slots), len(slots) // 4):
            file.seek(offset)
            file.write(of_version(7, slots[offset:offset + ENTRY]))
    case.refuses(CORRUPT, "version 7")

    case = Case(store, 38, "store.json is missing")
    os.remove(os.path.join(case.daemon.data, "store.json"))
    case.refuses(CORRUPT, "no store")


def snapshot_cases(store):
    def folders(daemon):
        top = os.path.join(daemon.data, "snapshots")
        return [os.path.join(top, name) for name in os.listdir(top)]

    def expect(case, words):
        case.daemon.start()
        connection = case.daemon.connect()
        found = projections(connection)
        case.claim(found == store.states, "projections are right", f"{len(found)} of {len(store.states)}")
        case.claim(info(connection)["state"] == "ok", "the log is well")
        case.claim(words in case.daemon.notes(), "the log says so")
        case.daemon.stop()

    case = Case(store, 32, "the newest snapshot of each projection is damaged")
    for folder in folders(case.daemon):
        newest = sorted(name for name in os.listdir(folder) if name.endswith(".snapshot"))[-1]
        flip(os.path.join(folder, newest), 90)
    expect(case, "cannot be read")

    case = Case(store, 32, "every snapshot is damaged")
    for folder in folders(case.daemon):
        for name in os.listdir(folder):
            flip(os.path.join(folder, name), 49)
    expect(case, "cannot be read")

    case = Case(store, 33, "a snapshot is newer than the log")
    # The log as it was when somebody copied it, and the manifest with it; snapshots as they are now.
    shutil.rmtree(os.path.join(case.daemon.data, "log"))
    shutil.copytree(os.path.join(store.earlier, "log"), os.path.join(case.daemon.data, "log"))
    shutil.copy(os.path.join(store.earlier, "manifest"), case.manifest)
    case.daemon.start()
    connection = case.daemon.connect()
    last = connection.ask("EV.COUNT")
    # Projections are restored behind the opening.
    found = projections(connection)
    case.claim("has lost acknowledged events" in case.daemon.notes(), "the log says that acknowledged events are lost")
    for name in found:
        connection.ask("EV.REBUILD", name)
    case.claim(found == projections(connection), "projections equal a rebuild of what is there", f"{last} events")
    case.daemon.stop()


def other_owners(store):
    case = Case(store, 37, "two daemons on one directory")
    case.daemon.start()
    second = store.folder.daemon(store.options.evstored, SETTINGS, name="second", data=case.daemon.data)
    status, said = second.refuses()
    case.claim(status == IN_USE, f"the second ends with status {IN_USE} and a reason", f"{status} {said}")
    second.socket = case.daemon.socket
    status, said = second.refuses()
    case.claim(status not in (None, 0), "a second at its socket ends too", f"{status} {said}")
    case.claim(case.daemon.answers(), "the first goes on, and is reached")
    os.remove(os.path.join(case.daemon.data, "LOCK"))
    case.label = "row 37: LOCK is removed under a running daemon"
    second = store.folder.daemon(store.options.evstored, SETTINGS, name="third", data=case.daemon.data)
    status, said = second.refuses()
    case.claim(status == IN_USE, f"a second ends with status {IN_USE} all the same", f"{status} {said}")
    case.daemon.stop()

    case = Case(store, 19, "the segment in use is removed under a running daemon")
    case.daemon.start()
    connection = case.daemon.connect()
    last = connection.ask(*append_of(store.sources(50, 4, False)))
    os.remove(case.daemon.files(".active")[-1])
    answers, begin = [last], time.monotonic()
    while isinstance(answers[-1], int) and time.monotonic() - begin < 20:
        try:
            answers.append(attempt(connection, *append_of(store.sources(50, 4 + len(answers), False))))
        except Lost as error:
            answers.append(error)
        time.sleep(0.05)
    ended = case.daemon.ended(20)
    case.claim(ended in (CORRUPT, IO_ERROR) and not isinstance(answers[-1], int),
               "appends fail within seconds, and the daemon ends", f"{ended}, after {time.monotonic() - begin:.1f} s")
    acknowledged = answers[-2]
    case.daemon.start()
    connection = case.daemon.connect()
    answer = attempt(connection, *append_of(store.sources(50, 99, False)))
    case.claim(info(connection)["state"] == "degraded" and answer > acknowledged,
               "what was acknowledged is told to be lost, and no id is given twice", f"{acknowledged}, then {answer}")
    case.daemon.stop()

    case = Case(store, 38, "the data directory is missing, and none is to be made", {"EVSTORED_CREATE": "false"})
    shutil.rmtree(case.daemon.data)
    case.refuses(CONFIGURATION, case.daemon.data)
    os.mkdir(case.daemon.data)
    case.label = "row 38: the data directory is empty, and none is to be made"
    case.refuses(CONFIGURATION, case.daemon.data)

    case = Case(store, 38, "a directory with something else in it")
    shutil.rmtree(case.daemon.data)
    os.mkdir(case.daemon.data)
    with open(os.path.join(case.daemon.data, "thesis.txt"), "w") as file:
        file.write("chapter one")
    found, said = case.daemon.refuses(wait=5)
    case.claim(found in (CORRUPT, CONFIGURATION) and sorted(os.listdir(case.daemon.data)) == ["thesis.txt"],
               "is not made a store", f"{found} {said}, {sorted(os.listdir(case.daemon.data))}")

    case = Case(store, 38, "a read-only file system")
    mount = store.folder.mount("ro", "--bind", case.daemon.data)
    if mount and subprocess.run(["mount", "-o", "remount,ro,bind", mount], check=False).returncode == 0:
        case.daemon.data = mount
        case.refuses(IO_ERROR, "Read-only file system")
    else:
        store.claims.skip("damage: a read-only mount cannot be made here")

    case = Case(store, 38, "the data directory belongs to somebody else")
    if os.getuid() == 0 and shutil.which("setpriv"):
        os.chmod(store.folder.path, 0o755)
        os.chmod(case.daemon.folder, 0o777)
        case.refuses(IO_ERROR, "Permission denied",
                     ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"])
    else:
        store.claims.skip("damage: setpriv(1) or root is lacking to run as somebody else")


def scrub(store):
    """Damage that comes while the daemon runs, and that nobody reads."""
    case = Case(store, 15, "a bit flips under the running daemon",
                {"EVSTORED_SCRUB_BYTES_PER_SECOND": str(1 << 30), "EVSTORED_SCRUB_EVERY_SECONDS": "0"})
    case.daemon.start()
    connection = case.daemon.connect()
    victim = record_blocks(case.path(store.sealed[2]))[1]
    place = (victim.offset + victim.end) // 2

    def wait(state, seconds=60):
        begin = time.monotonic()
        while time.monotonic() - begin < seconds and info(connection)["state"] != state:
            time.sleep(0.1)
        return info(connection), time.monotonic() - begin

    flip(case.path(store.sealed[2]), place)
    figures, seconds = wait("degraded")
    case.claim(figures["state"] == "degraded" and ranges_of(figures) == [(victim.first_id, victim.last_id)],
               "the scrub finds it, and EV.INFO names it", f"{figures['state']}, {figures['damaged']!r}, {seconds:.1f} s")
    answer = attempt(connection, "EV.GET", victim.first_id)
    case.claim(str(answer).startswith(f"CORRUPT {victim.first_id} {victim.last_id} "), "a read is CORRUPT", f"{answer}")
    flip(case.path(store.sealed[2]), place)
    figures, seconds = wait("ok")
    case.claim(figures["state"] == "ok" and not figures["damaged"], "a later pass finds it whole again",
               f"{figures['state']}, {figures['damaged']!r}, {seconds:.1f} s")
    answer = attempt(connection, "EV.GET", victim.first_id)
    case.claim(isinstance(answer, list), "and it is read again", "" if isinstance(answer, list) else f"{answer}")
    case.claim(int(figures.get("scrub_passes", 0)) > 0, "EV.INFO counts the passes", f"{figures.get('scrub_passes')}")
    case.daemon.stop()


CASES = {"sealed": sealed_cases, "raw": raw_cases, "newest": lost_newest, "beside": raw_beside_sealed, "torn": torn_tail, "strangers": strangers,
         "snapshots": snapshot_cases, "owners": other_owners, "scrub": scrub}


def main():
    parser = arguments("Damage a store, and see what the daemon makes of it.")
    parser.add_argument("--evctl", default=os.path.join(TOP, ".build/release/evctl"))
    parser.add_argument("--only", choices=CASES, nargs="+", help="these cases alone")
    options = parser.parse_args()
    claims = Claims()
    with Folder() as folder:
        store = Store(claims, folder, options)
        claims.note(f"{store.tail} events, {len(store.sealed)} sealed segments, and {store.raw}")
        for name in options.only or CASES:
            CASES[name](store)
        claims.end()


if __name__ == "__main__":
    main()
