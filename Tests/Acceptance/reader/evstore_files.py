# Owns: the files of a store that are no segments: store.json, the manifest, snapshots.
"""The store file and the manifest of the page SegmentFormat, and the page SnapshotFormat."""

from __future__ import annotations

import json
import re
import struct
import zlib
from dataclasses import dataclass
from typing import Optional

from evstore_bytes import (
    Damaged, Features, Findings, GREATEST_ID, Later, i64, inflate, is_zero, u16, u32, u64, versioned,
)

STORE_LINE = re.compile(rb'(\{"format":(\d+),"store_uuid":"([0-9a-f]{32})","created":(-?\d+)),"crc":(\d+)\}\n?')


@dataclass(frozen=True)
class StoreFile:
    store: bytes
    created: int


def read_store_file(data: bytes) -> StoreFile:
    if len(data) > 4096:
        raise Damaged("store.json has more than 4096 bytes")
    match = STORE_LINE.fullmatch(data)
    form = re.match(rb'\{"format":(\d+),', data)
    if form and int(form[1]) != 2 and (not match or zlib.crc32(match[1]) == int(match[5])):
        raise Later(f"format {int(form[1])}")
    if not match:
        raise Damaged("store.json is not the one line it should be")
    if zlib.crc32(match[1]) != int(match[5]):
        raise Damaged("the checksum of store.json does not match")
    return StoreFile(bytes.fromhex(match[3].decode()), int(match[4]))


@dataclass(frozen=True)
class Manifest:
    store: bytes
    sequence: int
    at_rest: bool
    tail: int
    recorded_at: int
    segment: bytes
    base: int
    file_bytes: int
    durable: int
    replaces: bytes
    control: int
    limit: int


def manifest_entry(data: bytes, at: int) -> Manifest:
    length = versioned(data, at, b"EVMANIFS", 256, 2048)
    features = Features.at(data, at + 40)
    entry = Manifest(
        data[at + 16 : at + 32], u64(data, at + 32), data[at + 52] == 1, u64(data, at + 56), i64(data, at + 64),
        data[at + 72 : at + 88], u64(data, at + 88), u64(data, at + 96), u64(data, at + 104),
        data[at + 112 : at + 128], u64(data, at + 128), u64(data, at + 136),
    )
    if data[at + 52] not in (1, 2):
        raise Damaged("a state that is none")
    if entry.tail > GREATEST_ID or entry.base > GREATEST_ID or entry.limit > GREATEST_ID:
        raise Damaged("an id in the manifest cannot be")
    # Zero says, as the daemon writes it, that nothing beyond the tail can have been given.
    if entry.at_rest and 0 < entry.limit < entry.tail:
        raise Damaged("the limit is below the tail")
    if features.zeros_expected and not (is_zero(data, at + 53, at + 56) and is_zero(data, at + 144, at + length)):
        raise Damaged("the entry has bytes where there should be zeros")
    return entry


def read_manifest(data: bytes, store: Optional[bytes], findings: Findings) -> Optional[Manifest]:
    """The whole copy with the greatest sequence."""
    name = "manifest"
    if len(data) != 8192:
        findings.damage(name, f"has {len(data)} bytes and not 8192")
    best: Optional[Manifest] = None
    for slot in (0, 4096):
        copies: list[Manifest] = []
        for at in (slot, slot + 2048):
            try:
                entry = manifest_entry(data, at)
                if store is not None and entry.store != store:
                    findings.damage(name, f"the entry at {at} is of another store")
                    continue
                copies.append(entry)
                if not is_zero(data, at + u16(data, at + 10), at + 2048):
                    findings.damage(name, f"bytes behind the entry at {at} are not zero")
            except Later as error:
                findings.later(name, f"the entry at {at}: {error}")
            except Damaged as error:
                findings.damage(name, f"the entry at {at}: {error}")
        if len(copies) == 2 and copies[0] != copies[1]:
            findings.note(name, f"the two copies in the slot at {slot} differ: a crash came between")
        for entry in copies:
            if best is None or entry.sequence > best.sequence:
                best = entry
    if best is None:
        findings.damage(name, "holds no whole entry")
    return best


@dataclass(frozen=True)
class Snapshot:
    projection: str
    store: bytes
    reducer: bytes
    position: int
    last_event: int
    processed: int
    greatest_time: int
    anchor_recorded: int
    anchor_crc: int
    anchored: bool
    state: bytes


def read_snapshot(projection: str, data: bytes) -> Snapshot:
    length = versioned(data, 0, b"EVSNAPSH", 160, 4096, whole_file=True)
    features = Features.at(data, 32)
    if data[44] > 1 or data[45] != 1:
        raise Later(f"codec {data[44]} or checksum {data[45]} is not known")
    raw_bytes, content_bytes = u64(data, 112), u64(data, 120)
    if length > len(data) or length + content_bytes != len(data):
        raise Damaged("the file does not end where its content does")
    content = data[length:]
    if data[44] == 1:
        if raw_bytes > 1032 * content_bytes:
            raise Damaged("announces more bytes than zlib can make")
        content = inflate(content, raw_bytes)
    elif raw_bytes != content_bytes:
        raise Damaged("unpacked content of another length than announced")
    if data[108] > 1:
        raise Damaged("neither an anchor nor none")
    if features.zeros_expected and not (
        is_zero(data, 46, 48) and is_zero(data, 109, 112) and is_zero(data, 132, length)
    ):
        raise Damaged("bytes where there should be zeros")
    snapshot = Snapshot(
        projection, data[16:32], data[48:64], u64(data, 64), u64(data, 72), u64(data, 80), i64(data, 88),
        i64(data, 96), u32(data, 104), data[108] == 1, content,
    )
    try:
        json.loads(content.decode())
    except ValueError as error:
        raise Damaged("the state is no JSON") from error
    return snapshot


def anchor_crc(id: int, time: int, recorded_at: int, body: bytes) -> int:
    return zlib.crc32(body, zlib.crc32(struct.pack("<Qqq", id, time, recorded_at)))


def reducer_hash(source: bytes) -> bytes:
    value = 0x6C62272E07BB014262B821756295C58D
    for byte in b"evstore reducer 1\n" + source:
        value = (value ^ byte) * 0x1000000000000000000013B & ((1 << 128) - 1)
    return value.to_bytes(16, "little")
