# Owns: forging: a field of some structure is changed and its checksums made right, and reader and verify must refuse the same.
"""What the page SegmentFormat lists under *What a reader refuses*, by chance instead of by hand."""

from __future__ import annotations

import os
import random
import struct
import time
import zlib

from compare_damage import LAST_PAGE, Judge
from evstore_bytes import u16, u32
from evstore_raw import Raw

Forged = tuple[str, bytearray]  # what was changed, and the file with it


def put(data: bytearray, at: int, crc: int) -> None:
    data[at : at + 4] = struct.pack("<I", crc)


def change(data: bytearray, first: int, end: int, chance: random.Random) -> str:
    """Another value of one byte, near the old one or far from it."""
    at = chance.randrange(first, end)
    old = data[at]
    data[at] = chance.choice([(old + 1) & 255, (old - 1) & 255, old ^ 1 << chance.randrange(8), 0xFF if old != 0xFF else 0])
    return f"byte {at - first} from {old} to {data[at]}"


def seal_frame(data: bytearray, at: int, seed: int) -> None:
    put(data, at + 4, zlib.crc32(data[at + 8 : at + 56], seed))


def header(data: bytearray, at: int, chance: random.Random) -> str:
    length = u16(data, at + 10)
    told = change(data, at + 16, at + length, chance)
    data[at + 12 : at + 16] = bytes(4)
    put(data, at + 12, zlib.crc32(data[at : at + length]))
    return told


def forge_raw(data: bytearray, segment: Raw, chance: random.Random) -> str:
    seed = segment.header.seed
    kind = chance.choice(["header", "frame", "record", "body", "trailer"])
    trailer = len(data) - LAST_PAGE
    if kind == "header":
        told = header(data, 0, chance)
        data[4096 : 4096 + 192] = data[:192]
        return f"both headers, {told} (from byte 16 on)"
    if kind == "trailer" and segment.closed:
        told = change(data, trailer + 12, trailer + 128, chance)
        put(data, trailer + 8, zlib.crc32(data[trailer + 12 : trailer + 128], seed))
        return f"trailer, {told} (from byte 12 on)"
    frames, at = [], 8192
    while data[at : at + 4] == b"FRAM" and at < segment.end:
        frames.append(at)
        at = at + 56 + u32(data, at + 44) + 7 & ~7
    at = chance.choice(frames)
    if kind in ("record", "body") and u32(data, at + 44):
        end = at + 56 + u32(data, at + 44)
        records, place = [], at + 56
        while place < end:
            records.append(place)
            place += u32(data, place + 4)
        place = chance.choice(records)
        length = u32(data, place + 4)
        first = (place + 8, place + 32) if kind == "record" else (place + 32, place + min(length, 80))
        told = change(data, *first, chance)
        put(data, place, zlib.crc32(data[place + 4 : place + length]))
        put(data, at + 48, zlib.crc32(b"".join(data[one : one + 4] for one in records)))
        seal_frame(data, at, seed)
        return f"{kind} at {place}, {told} (from byte {first[0] - place} on)"
    told = change(data, at + 8, at + 56, chance)
    seal_frame(data, at, seed)
    return f"frame at {at}, {told} (from byte 8 on)"


def forge_sealed(data: bytearray, segment, chance: random.Random) -> str:
    kind = chance.choice(["header", "footer", "block", "content", "content"])
    start = segment.footer.start
    if kind == "header":
        told = header(data, 0, chance)
        data[start : start + 192] = data[:192]
        put(data, len(data) - 12, zlib.crc32(data[start : len(data) - 12]))
        return f"header and footer, {told} (from byte 16 on)"
    if kind == "footer":
        told = change(data, start + 192, len(data) - 16, chance)
        put(data, len(data) - 12, zlib.crc32(data[start : len(data) - 12]))
        return f"footer, {told} (from its byte n on)"
    kinds = sorted({one.kind for one in segment.blocks})
    wanted = chance.choice(kinds)
    block = chance.choice([one for one in segment.blocks if one.kind == wanted])
    told = ""
    if kind == "content" and forge_content(data, block, chance):
        told = f"content of the block at {block.offset}, kind {block.kind}"
        put(data, block.offset + 44, zlib.crc32(data[block.offset + 56 : block.end]))
    else:
        told = f"block at {block.offset}, kind {block.kind}, {change(data, block.offset + 8, block.offset + 56, chance)} (from byte 8 on)"
    put(data, block.offset + 4, zlib.crc32(data[block.offset + 8 : block.offset + 56], segment.header.seed))
    return told


def forge_content(data: bytearray, block, chance: random.Random) -> bool:
    """Another content of the same packed length, where one is found."""
    first, end = block.offset + 56, block.end
    if block.codec == 0:
        change(data, first, end, chance)
        return True
    whole = zlib.decompress(bytes(data[first:end]))
    for _ in range(60):
        raw = bytearray(whole)
        change(raw, 0, min(len(raw), 4 * block.count + 40) if block.kind == 1 else len(raw), chance)
        for level in (6, 9, 7, 5):
            packed = zlib.compress(bytes(raw), level)
            if len(packed) == end - first:
                data[first:end] = packed
                return True
    return False


def forge_file(name: str, data: bytearray, judge: Judge, chance: random.Random) -> str:
    segment = next((one for one in judge.whole.segments if one.name == name), None)
    if isinstance(segment, Raw):
        return forge_raw(data, segment, chance)
    if segment:
        return forge_sealed(data, segment, chance)
    if name == "manifest":
        newest = max((0, 4096), key=lambda slot: u32(data, slot + 32))
        told = header(data, newest, chance)
        data[newest + 2048 : newest + 2304] = data[newest : newest + 256]
        return f"entry, {told} (from byte 16 on)"
    told = change(data, 16, 160, chance)
    data[12:16] = bytes(4)
    put(data, 12, zlib.crc32(data))
    return f"snapshot, {told} (from byte 16 on)"


def forge(judge: Judge, names: list[str], count: int, seed: int, until: float) -> int:
    chance = random.Random(seed)
    for done in range(count):
        if time.monotonic() > until:
            return done
        name = chance.choice(names)
        path = os.path.join(judge.data, name)
        with open(path, "rb") as file:
            whole = file.read()
        data = bytearray(whole)
        told = forge_file(name, data, judge, chance)
        try:
            with open(path, "wb") as file:
                file.write(data)
            judge.judge(f"{name}: {told}", nothing=False)
        finally:
            with open(path, "wb") as file:
                file.write(whole)
    return count
