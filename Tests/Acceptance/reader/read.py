#!/usr/bin/env python3
# Owns: the command line of the reader: events, control records, keys and findings of a data directory.
"""read.py DATA_DIR [--events | --check | --keys | --controls]"""

from __future__ import annotations

import argparse
import json
import sys

sys.dont_write_bytecode = True

from evstore_event import split_body
from evstore_reader import Store


def printable(key: bytes) -> str:
    if key[:1] == b"i" and len(key) == 17:
        return "i" + key[1:].hex()
    return key.decode("utf-8", "backslashreplace")


def print_check(store: Store) -> None:
    for finding in store.findings.all:
        print(finding)
    lost = ", ".join(f"{first} to {last}" for first, last in store.findings.lost()) or "none"
    print(
        f"{len(store.events)} events in {len(store.segments)} segments, {len(store.controls())} control records, "
        f"{len(store.snapshots)} snapshots, {len(store.quarantine)} files in quarantine; ids lost: {lost}; "
        f"{'clean' if store.findings.clean else 'damaged'}"
    )


def print_keys(store: Store) -> None:
    for index in store.indexes:
        for key in index.keys():
            print(json.dumps({"segment": index.sealed.name, "key": printable(key), "ids": index.ids(key)}, ensure_ascii=False))


def print_controls(store: Store) -> None:
    for one in store.controls():
        keys, payload = split_body(one.body)
        print(json.dumps({
            "sequence": one.sequence, "position": one.position, "recorded_at": one.recorded_at,
            "subject": printable(keys[0]) if keys else None, "payload": payload.decode("utf-8", "backslashreplace"),
        }, ensure_ascii=False))


def main() -> int:
    parser = argparse.ArgumentParser(description="Reads an event store from its files, without the daemon.")
    parser.add_argument("data_dir")
    what = parser.add_mutually_exclusive_group()
    for name in ("events", "check", "keys", "controls"):
        what.add_argument(f"--{name}", action="store_true")
    arguments = parser.parse_args()
    store = Store(arguments.data_dir)
    if arguments.check or not (arguments.events or arguments.keys or arguments.controls):
        print_check(store)
    elif arguments.events:
        for event in store.events:
            print(event.line())
    elif arguments.keys:
        print_keys(store)
    else:
        print_controls(store)
    if not arguments.check:
        for finding in store.findings.all:
            print(finding, file=sys.stderr)
    return 0 if store.findings.clean else 6


if __name__ == "__main__":
    sys.exit(main())
