# Owns: the worked examples of the format pages as test data: their hex dumps become files, which the reader reads.
"""Control records among them, which nothing else writes."""

from __future__ import annotations

import os
import re

from compare_daemon import TOP, verify
from evstore_bytes import Damaged, Later
from evstore_event import decode, split_body
from evstore_index import key_hash, filter_places
from evstore_reader import Store

SEGMENTS = os.path.join(TOP, "Sources/SegmentLog/SegmentLog.docc/SegmentFormat.md")
EVENTS = os.path.join(TOP, "Sources/EventRecords/EventRecords.docc/EventFormat.md")
ROW = re.compile(r"([0-9a-f]{8})((?:  ?[0-9a-f]{2})+)  .+")


def dumps(page: str) -> list[tuple[int, bytes]]:
    """Every hex dump of a page: where it begins, and its bytes."""
    found: list[tuple[int, bytearray]] = []
    inside = False
    with open(page) as file:
        for line in file:
            match = ROW.fullmatch(line.rstrip("\n"))
            if match and inside and found:
                found[-1][1].extend(bytes.fromhex(match[2]))
            elif match:
                found.append((int(match[1], 16), bytearray(bytes.fromhex(match[2]))))
            inside = bool(match)
    return [(at, bytes(data)) for at, data in found]


def write(path: str, data: bytes) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(data)


def check_pages(check, binaries: str, folder: str) -> None:
    parts = dumps(SEGMENTS)
    head, frame, trailer = (data for at, data in parts[:3])
    whole = next(data for at, data in parts if len(data) == 1273)
    entry = next(data for at, data in parts if data.startswith(b"EVMANIFS")).ljust(256, b"\0")
    raw = bytearray(16384)
    raw[0 : len(head)] = raw[4096 : 4096 + len(head)] = head
    raw[8192 : 8192 + len(frame)] = frame
    raw[12288 : 12288 + len(trailer)] = trailer
    manifest = bytearray(8192)
    for at in (0, 2048, 4096, 4096 + 2048):
        manifest[at : at + 256] = entry
    with open(SEGMENTS) as file:
        line = next(one for one in file if one.startswith('{"format":2'))
    for name, data, events in (("active", bytes(raw), 1), ("segment", whole, 2)):
        path = os.path.join(folder, name)
        write(os.path.join(path, "store.json"), line.encode())
        write(os.path.join(path, "manifest"), bytes(manifest))
        write(os.path.join(path, f"log/{1:020}.{name}"), data)
        store = Store(path)
        words = [(one.sequence, one.position, one.recorded_at, split_body(one.body)) for one in store.controls()]
        good = store.findings.clean and len(store.events) == events and store.events[0].data == b'{"total":42}'
        good = good and words == [(1, 1, 1700000000500000000, ([b"subject"], b"word"))]
        check(f"the worked example of a {'raw' if name == 'active' else 'sealed'} segment, with its control record", good,
              store.findings.all or words)
        code, told = verify(binaries, path)
        check(f"verify says the same of the example .{name}", code == 0, (code, told))
        if name == "segment":
            index = store.indexes[0]
            check("the keys of the example", index.ids(b"corder") == [1, 2] and index.ids(b"tpaid") == [2]
                  and index.ids(b"tpaix") == [] and len(index.keys()) == 4, index.keys())
    check("the hash and the filter bits of the example", key_hash(b"corder") == 0x6DD0573AC527275D
          and filter_places(b"corder", 64) == [29, 24, 19, 14, 9, 4, 63], hex(key_hash(b"corder")))
    plain, full = (data for at, data in dumps(EVENTS))
    one = decode(1, 2, 3, plain)
    check("the worked example of a plain event", (one.category, one.aggregate_id, one.event_type, one.data, one.version)
          == ("order", "order-001", "created", b'{"total":42}', 1), one)
    one = decode(1, 2, 3, full)
    check("the worked example of an event with everything", (one.id, one.tags, one.version, one.metadata, one.data) == (
        "00112233-4455-6677-8899-aabbccddeeff", ("customer-7", "zürich"), 7, b'{"by":"ann"}', b'{"total":129.9}'), one)
    flags = full.index(b"\x03\x07\0\0\0")
    capital = bytes([full[0] + 1, 1]) + b"Xx" + full[1:]
    later = [full[:flags] + bytes([3 | flag]) + full[flags + 1 :] for flag in (4, 8, 16, 32, 64)]
    later.append(bytes([full[0] + 1, 1]) + b"xx" + full[1:])
    check("what of a later version may be passed over is", decode(1, 2, 3, capital) == one
          and decode(1, 2, 3, full[:flags] + b"\x83" + full[flags + 1 :]) == one)
    name = "payment 7, é".encode()
    check("an identifier that is no UUID is its text", decode(1, 2, 3, with_keys(b"n" + name)).id == "payment 7, é")
    uuid = b"00112233-4455-6677-8899-aabbccddeeff"
    wrong = [[b"n"], [b"nx", b"ny"], [b"i" + bytes(16), b"nx"], [b"gx", b"ny"], [b"n" + uuid], [b"n" + uuid.upper()], [b"n\xff"]]
    check("an identifier is there once, in its place, and is no UUID as text",
          all(refusal(with_keys(*keys)) is Damaged for keys in wrong), [refusal(with_keys(*keys)) for keys in wrong])
    check("what must be known is told to be later", all(refusal(body) is Later for body in later))
    bad = [b"", b"\0", full[:20], b"\x011" + full[1:], full[:flags] + b"\x03\0\0\0\0" + full[flags + 5 :], full[:-1]]
    check("what is no event is refused", all(refusal(body) is Damaged for body in bad), [refusal(body) for body in bad])


def with_keys(*keys: bytes) -> bytes:
    """A body whose event has these keys beside those that it must have."""
    keys = (b"cx", b"ay", b"tz", *keys)
    return bytes([len(keys)]) + b"".join(bytes([len(key) - 1]) + key for key in keys) + b"\0{}"


def refusal(body: bytes):
    try:
        return decode(1, 2, 3, body)
    except (Damaged, Later) as error:
        return type(error)
