#!/usr/bin/env python3
# Owns: the acceptance of the format pages: stores that the daemon makes, held against a reader written from the pages alone.
"""compare.py [--bin DIR] [--flips N] [--seed N]: one line per check, exit 1 where one fails."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True

from compare_damage import Judge, check_cuts, check_flips, check_marker, closed_store, files_of, joined, moved_store
from compare_daemon import TOP, Daemon, Known, lines, members, nanoseconds, odd_events, plain_events, verify
from compare_forged import forge
from compare_pages import check_pages
from evstore_event import Event, split_body
from evstore_files import reducer_hash
from evstore_index import FilterParts
from evstore_raw import Raw
from evstore_reader import Store
from evstore_sealed import FILTER_PART

failures = 0


def check(what: str, good: bool, why: object = "") -> None:
    global failures
    failures += not good
    print(f"ok   {what}" if good else f"FAIL {what}: {str(why)[:6000]}", flush=True)


def fields(event: Event) -> dict[str, object]:
    """An event of the reader, as an export has it."""
    one: dict[str, object] = {
        "event_id": event.event_id, "category": event.category, "event_type": event.event_type,
        "aggregate_id": event.aggregate_id, "data": on_a_line(event.data), "timestamp": event.timestamp,
        "version": event.version, "recorded_at": event.recorded_at,
    }
    if event.id is not None:
        one["id"] = event.id
    if event.tags:
        one["tags"] = list(event.tags)
    if event.metadata is not None:
        one["metadata"] = on_a_line(event.metadata)
    return one


def on_a_line(data: bytes) -> str:
    return data.decode().replace("\n", " ").replace("\r", " ")


def exported(line: str) -> dict[str, object]:
    raw = members(line)
    one: dict[str, object] = {}
    for name, text in raw.items():
        if name in ("data", "metadata"):
            one[name] = text
        elif name in ("timestamp", "recorded_at"):
            one[name] = nanoseconds(text)
        else:
            one[name] = json.loads(text)
    return one


def given(event: Event, known: Known) -> bool:
    """Whether an event is what was appended, its bytes of data included."""
    said = {name: text if name in ("data", "metadata") else json.loads(text) for name, text in known.fields.items()}
    said["timestamp"] = nanoseconds(known.fields["timestamp"])
    said.setdefault("version", 1)
    # Tags are a set; each stands where it came first.
    said["tags"] = list(dict.fromkeys(said.get("tags", [])))
    if not said["tags"]:
        del said["tags"]
    ours = fields(event)
    ours["data"] = event.data.decode()
    del ours["event_id"], ours["recorded_at"]
    return ours == said


def compare_events(what: str, daemon: Daemon, store: Store) -> None:
    for command in (("export",), ("read", "-o", "json")):
        theirs = [exported(one) for one in daemon.run(*command).stdout.decode().split("\n") if one]
        ours = [fields(one) for one in store.events]
        other = next(((a, b) for a, b in zip(ours, theirs) if a != b), (len(ours), len(theirs)))
        check(f"{what}: {len(ours)} events equal evctl {command[0]}", ours == theirs, other)


def compare_index(what: str, store: Store) -> None:
    keys, wrong = 0, []
    for index in store.indexes:
        facts: dict[bytes, list[int]] = {}
        for record in index.sealed.records:
            for key in dict.fromkeys(split_body(record.body)[0]):
                facts.setdefault(key, []).append(record.id)
        keys += len(facts)
        if list(index.keys()) != sorted(facts):
            wrong.append(f"{index.sealed.name}: other keys")
        for key, ids in facts.items():
            posting = index.find(key)
            if index.ids(key) != ids or posting is None or posting.count != len(ids):
                wrong.append(f"{index.sealed.name}: {key!r}")
        if any(index.filter and not index.filter.may_have(key) for key in facts):
            wrong.append(f"{index.sealed.name}: the filter does not know a key")
        if any(index.find(key) for key in (b"cnone", b"a", b"z" * 256)):
            wrong.append(f"{index.sealed.name}: finds a key that is not there")
    blocks = sum(len(one.sealed.record_blocks) for one in store.indexes)
    check(f"{what}: {keys} keys in {blocks} blocks of {len(store.indexes)} sealed segments give the ids that the bodies give",
          bool(keys) and not wrong, wrong[:5])


def compare_tags(daemon: Daemon, store: Store) -> None:
    for option, kind in (("--tag", "t3"), ("--category", "odd"), ("--type", "Ω"), ("--aggregate", "order-7")):
        lines_read = daemon.run("read", "-o", "json", option, kind).stdout.decode().split("\n")
        theirs = [int(members(one)["event_id"]) for one in lines_read if one]
        place = {"--tag": "tags", "--category": "category", "--type": "event_type", "--aggregate": "aggregate_id"}[option]
        ours = [one.event_id for one in store.events if kind in (one.tags if place == "tags" else [getattr(one, place)])]
        check(f"{option} {kind} gives the same {len(ours)} ids", ours == theirs, (ours, theirs))


def compare_snapshots(daemon: Daemon, store: Store) -> None:
    wrong, held = [], 0
    for one in store.snapshots:
        shown = daemon.run("projection", "show", one.projection, "--as-of", str(one.position), "-o", "json")
        theirs = members(shown.stdout.decode())
        state = json.loads(one.state)
        held += bool(one.processed)
        if state != json.loads(theirs["state"]) or one.processed != int(theirs["events_processed"]):
            wrong.append((one.projection, one.position, one.state[:200], shown.stdout[:300]))
        folded = [event for event in store.events if event.event_id <= one.last_event]
        if one.processed and (int(theirs["event_id"]) != one.last_event or not folded):
            wrong.append((one.projection, one.position, one.last_event, theirs["event_id"]))
        if json.dumps(state, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode() != one.state:
            wrong.append((one.projection, "keys are not sorted", one.state[:200]))
        with open(os.path.join(TOP, f"config/reducers/{one.projection}.lua"), "rb") as file:
            if reducer_hash(file.read()) != one.reducer:
                wrong.append((one.projection, "another hash of the reducer"))
    check(f"{len(store.snapshots)} snapshots, {held} not empty: state, counts, hash of the reducer",
          held > 3 and not wrong, wrong[:3])


def clean(what: str, binaries: str, daemon: Daemon) -> Store:
    store = Store(daemon.data)
    check(f"{what}: the reader finds it clean", store.findings.clean, [str(one) for one in store.findings.all][:10])
    code, told = verify(binaries, daemon.data)
    check(f"{what}: so does verify, with as many events", code == 0 and told.get("events") == len(store.events), (code, told))
    return store


def check_manifest(what: str, store: Store) -> None:
    manifest = store.manifest
    good = manifest is not None and manifest.at_rest and manifest.tail == len(store.events)
    newest = store.segments[-1]
    good = good and newest.header.segment == manifest.segment and newest.header.base == manifest.base
    good = good and isinstance(newest, Raw) and newest.end == manifest.durable
    check(f"{what}: the manifest names the newest segment, its end, and the tail", good, (manifest, newest.name, newest.last))


def check_lives(binaries: str, folder: str) -> None:
    daemon = Daemon(binaries, os.path.join(folder, "lives"), spares=0)
    daemon.start()
    try:
        inputs = plain_events(2000, 10, 1000)
        daemon.run("import", stdin=lines(inputs))
        daemon.roll()
        daemon.run("compact")
        inputs += odd_events()
        daemon.run("import", stdin=lines(odd_events()))
        daemon.roll()
        more = plain_events(1500, 11, 1000)
        daemon.run("import", stdin=lines(more))
        inputs += more
        several = b'{"a":\r\n [1,\n\t2]}\n'
        daemon.run("append", "odd", "several lines", "Ω", "-", "--at", "-1.25", stdin=several)
        daemon.run("snapshot")
        store = Store(daemon.data)
        check("beside a running daemon: the reader finds it clean", store.findings.clean, [str(one) for one in store.findings.all][:5])
        wrong = [one.event_id for one, known in zip(store.events, inputs) if not given(one, known)]
        check(f"{len(inputs)} events are what was appended, byte for byte", not wrong and len(store.events) == len(inputs) + 1, wrong[:5])
        check("data of several lines", store.events[-1].data == several.rstrip(b"\n"), store.events[-1])
        compare_events("beside a running daemon", daemon, store)
        compare_tags(daemon, store)
        compare_snapshots(daemon, store)
        daemon.wait_sealed()
        daemon.roll()
        daemon.run("import", stdin=lines(plain_events(5, 12)))
        daemon.end()
        store = clean("stopped", binaries, daemon)
        compare_index("stopped", store)
        check_manifest("stopped", store)
        recycled = [one.name for one in store.segments if isinstance(one, Raw) and any(one.data[one.end + 56 : -4096])]
        check("a raw file with leftovers of a former life is read", bool(recycled))
        kill(binaries, daemon, store, folder)
    finally:
        daemon.end(signal.SIGKILL)


def check_many_keys(binaries: str, folder: str) -> None:
    """A segment whose filter is in parts, whole and with each of them damaged."""
    daemon = Daemon(binaries, os.path.join(folder, "many"), spares=0)
    daemon.start()
    try:
        daemon.run("import", stdin=lines(plain_events(7000, 13, 60, each_its_own=True)))
        daemon.roll()
        daemon.run("compact")
        daemon.end()
    finally:
        daemon.end(signal.SIGKILL)
    store = clean("many keys", binaries, daemon)
    compare_index("many keys", store)
    index = next((one for one in store.indexes if isinstance(one.filter, FilterParts)), None)
    check("many keys: the filter is in parts", index is not None and len(index.filter.parts) > 1)
    if index is None:
        return
    path = os.path.join(daemon.data, "log", os.path.basename(index.sealed.name))
    for part in [one for one in index.sealed.blocks if one.kind == FILTER_PART]:
        with open(path, "r+b") as file:
            for bits in (0xFF, 0xFF):  # there, and back
                file.seek(part.offset + 2000)
                byte = file.read(1)[0] ^ bits
                file.seek(-1, os.SEEK_CUR)
                file.write(bytes([byte]))
                file.flush()
                if byte != index.sealed.data[part.offset + 2000]:
                    found = Store(daemon.data).findings.all
                    code, told = verify(binaries, daemon.data)
                    check(f"many keys: the part at {part.offset} is damaged, say both", bool(found) and code != 0, (found, code, told))


def kill(binaries: str, daemon: Daemon, before: Store, folder: str) -> None:
    """The daemon dies in the middle of an import, twice; its log before and after recovery."""
    for turn in (1, 2):
        daemon.start()
        more = plain_events(5000, 20 + turn, 700)
        path = os.path.join(folder, "load")
        with open(path, "wb") as file:
            file.write(lines(more))
        load = subprocess.Popen(daemon.command("import", path), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            while daemon.status()["last_id"] == len(before.events) and load.poll() is None:
                pass
            daemon.end(signal.SIGKILL)
        finally:
            load.kill()
            load.wait()
        killed = Store(daemon.data)
        code, told = verify(binaries, daemon.data)
        notes = [str(one) for one in killed.findings.all]
        check(f"killed, turn {turn}: reader and verify find it clean", killed.findings.clean and code == 0, (notes, code, told))
        same = killed.events[: len(before.events)] == before.events
        wrong = [one.event_id for one, known in zip(killed.events[len(before.events) :], more) if not given(one, known)]
        check(f"killed, turn {turn}: {len(killed.events)} events, each as it was appended", same and not wrong, wrong[:5])
        daemon.start()
        moved = Store(daemon.data)
        compare_events(f"killed and recovered, turn {turn}", daemon, moved)
        check(f"killed, turn {turn}: recovery has kept what the reader saw", moved.events == killed.events,
              (len(moved.events), len(killed.events)))
        daemon.wait_sealed()
        daemon.end()
        before = clean(f"killed, recovered and stopped, turn {turn}", binaries, daemon)
        compare_index(f"killed, recovered and stopped, turn {turn}", before)


def check_moved(binaries: str, folder: str) -> None:
    daemon, before = moved_store(binaries, os.path.join(folder, "moved"))
    store = Store(daemon.data)
    first, second = (one for one in store.segments if isinstance(one, Raw))
    stands_twice = first.data[first.end : first.end + 4] == b"FRAM" and second.records[0].id == first.last + 1
    check("a tail that recovery has moved stands in two files, and counts once", stands_twice and len(second.records) > 1,
          (first.end, first.last, second.header.base))
    given = {one.event_id: one for one in store.events if one.event_type != "moved"}
    gone = [(id, id) for id in before if id not in given]
    code, told = verify(binaries, daemon.data)
    lost = joined([(one["first"], one["last"]) for one in told.get("damaged", [])])
    check(f"the damage before it costs {len(gone)} event, which verify names, too",
          code == 6 and lost == store.findings.lost() == joined(gone) and all(before[id] == given[id] for id in given),
          (code, told, [str(one) for one in store.findings.all]))
    daemon.start()
    try:
        theirs = [exported(one) for one in daemon.run("export", "--skip-damage").stdout.decode().split("\n") if one]
    finally:
        daemon.end()
    check("export without the damage equals the reader", theirs == [fields(one) for one in store.events], len(theirs))


def check_command(daemon: Daemon) -> None:
    """The command line of the reader."""
    here = os.path.join(os.path.dirname(os.path.abspath(__file__)), "read.py")

    def read(*arguments: str) -> tuple[int, list[str]]:
        done = subprocess.run([here, daemon.data, *arguments], capture_output=True, timeout=60)
        return done.returncode, [one for one in done.stdout.decode().split("\n") if one]

    code, events = read("--events")
    numbers = [int(members(one)["event_id"]) for one in events]
    good = code == 0 and numbers == list(range(1, len(events) + 1)) and read("--check")[0] == 0
    check("read.py --events and --check of a clean store", good and bool(read("--keys")[1]) and read("--controls") == (0, []))
    path = os.path.join(daemon.data, "log", f"{1:020}.segment")
    with open(path, "r+b") as file:
        whole = file.read()
        file.seek(300)
        file.write(bytes([whole[300] ^ 1]))
    code, told = read("--check")
    check("read.py --check exits 6 and names the file and the ids", code == 6 and "ids 1 to" in " ".join(told), (code, told))
    with open(path, "wb") as file:
        file.write(whole)


def check_forged(binaries: str, data: str, count: int, seed: int) -> None:
    judge = Judge(binaries, data)
    names = [one for one in files_of(data) if one not in ("LOCK", "store.json") and not one.endswith(".spare")]
    forge(judge, names, count, seed, time.monotonic() + 600)
    for told in judge.disagree + judge.other_ids:
        print(f"     {told[:700]}")
    check(f"{count} forged fields: verify and the reader refuse the same", not judge.disagree, len(judge.disagree))


def main() -> int:
    parser = argparse.ArgumentParser(description="Holds the reader against the daemon.")
    parser.add_argument("--bin", default=os.path.join(TOP, ".build/release"))
    parser.add_argument("--flips", type=int, default=300)
    parser.add_argument("--cuts", type=int, default=40)
    parser.add_argument("--forged", type=int, default=0, help="so many fields with other values under right checksums, too")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=int, default=55, help="after so many, no further flips and cuts")
    arguments = parser.parse_args()
    began = time.monotonic()
    binaries = os.path.abspath(arguments.bin)
    folder = tempfile.mkdtemp(prefix="evreader-")
    try:
        check_pages(check, binaries, os.path.join(folder, "pages"))
        check_lives(binaries, folder)
        check_many_keys(binaries, folder)
        check_moved(binaries, folder)
        daemon = closed_store(binaries, os.path.join(folder, "closed"))
        clean("the closed store to damage", binaries, daemon)
        until = began + arguments.seconds
        check_cuts(check, binaries, daemon.data, arguments.cuts, arguments.seed, until)
        check_marker(check, binaries, daemon.data)
        check_flips(check, binaries, daemon.data, arguments.flips, arguments.seed, until)
        check_command(daemon)
        if arguments.forged:
            check_forged(binaries, daemon.data, arguments.forged, arguments.seed)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"{'ok  ' if not failures else 'FAIL'} in {time.monotonic() - began:.0f} s, {failures} checks failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
