# Owns: what all files have in common: integers, varints, CRC-32, versioned headers with features, and the list of findings.
"""Conventions of the page SegmentFormat, each in a function."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, field

VERSION = 2
GREATEST_ID = 1 << 62
LEAST_TIME = -(1 << 63)
GREATEST_TIME = (1 << 63) - 1


class Damaged(Exception):
    """Bytes that are not what their writer wrote, or that no writer may write."""


class Later(Exception):
    """Something of a later version: no damage, but not to be read here."""


@dataclass(frozen=True)
class Finding:
    file: str
    what: str
    first: int = 0  # ids that are lost with it, if any
    last: int = -1
    kind: str = "damage"  # damage, later, note: a note leaves the store clean

    def __str__(self) -> str:
        ids = f" (ids {self.first} to {self.last})" if self.first <= self.last else ""
        return f"{self.file}: {self.kind}: {self.what}{ids}"


@dataclass
class Findings:
    all: list[Finding] = field(default_factory=list)

    def damage(self, file: str, what: str, first: int = 0, last: int = -1) -> None:
        self.all.append(Finding(file, what, first, last))

    def later(self, file: str, what: str, first: int = 0, last: int = -1) -> None:
        self.all.append(Finding(file, what, first, last, "later"))

    def note(self, file: str, what: str) -> None:
        self.all.append(Finding(file, what, kind="note"))

    @property
    def clean(self) -> bool:
        return all(one.kind == "note" for one in self.all)

    def lost(self, kinds: tuple[str, ...] = ("damage", "later")) -> list[tuple[int, int]]:
        """The ranges of ids that cannot be had, ascending and joined."""
        ranges = sorted((one.first, one.last) for one in self.all if one.first <= one.last and one.kind in kinds)
        joined: list[tuple[int, int]] = []
        for first, last in ranges:
            if joined and first <= joined[-1][1] + 1:
                joined[-1] = (joined[-1][0], max(joined[-1][1], last))
            else:
                joined.append((first, last))
        return joined


def u16(data: bytes, at: int) -> int:
    return struct.unpack_from("<H", data, at)[0]


def u32(data: bytes, at: int) -> int:
    return struct.unpack_from("<I", data, at)[0]


def u64(data: bytes, at: int) -> int:
    return struct.unpack_from("<Q", data, at)[0]


def i64(data: bytes, at: int) -> int:
    return struct.unpack_from("<q", data, at)[0]


def is_zero(data: bytes, first: int, end: int) -> bool:
    """Whether the bytes from first up to end, as far as there are any, are zero."""
    end = min(end, len(data))
    return first >= end or data.count(0, first, end) == end - first


def id_in_range(value: int) -> bool:
    return 1 <= value <= GREATEST_ID


def wrap64(value: int) -> int:
    """The signed number of the lowest 64 bits."""
    value &= (1 << 64) - 1
    return value - (1 << 64) if value >> 63 else value


class Cursor:
    """Reads varints and bytes one after the other, and never beyond the end."""

    def __init__(self, data: bytes, at: int = 0):
        self.data = data
        self.at = at

    @property
    def done(self) -> bool:
        return self.at == len(self.data)

    def varint(self) -> int:
        value = 0
        for count in range(10):
            if self.at >= len(self.data):
                raise Damaged("a varint runs past the end")
            byte = self.data[self.at]
            self.at += 1
            value |= (byte & 0x7F) << (7 * count)
            if byte < 0x80:
                if byte == 0 and count > 0:
                    raise Damaged("a varint is longer than it need be")
                if count == 9 and byte != 1:
                    raise Damaged("a varint of more than 64 bits")
                return value
        raise Damaged("a varint of more than ten bytes")

    def zigzag(self) -> int:
        value = self.varint()
        return (value >> 1) ^ -(value & 1)

    def take(self, count: int) -> bytes:
        if count > len(self.data) - self.at:
            raise Damaged("something runs past the end")
        self.at += count
        return self.data[self.at - count : self.at]


def inflate(packed: bytes, raw_bytes: int) -> bytes:
    """One zlib stream that ends where the bytes end, and unpacks to exactly so many."""
    machine = zlib.decompressobj()
    try:
        raw = machine.decompress(packed, raw_bytes + 1)
    except zlib.error as error:
        raise Damaged(f"no zlib stream: {error}") from error
    if len(raw) != raw_bytes or not machine.eof or machine.unused_data or machine.unconsumed_tail:
        raise Damaged("the stream unpacks to another number of bytes, or does not end with its content")
    return raw


def versioned(data: bytes, at: int, magic: bytes, least: int, most: int, whole_file: bool = False) -> int:
    """Checks the 16 bytes that every version keeps, and the CRC; gives the length of what carries them."""
    if len(data) < at + 16:
        raise Damaged("too short for a header")
    if data[at : at + 8] != magic:
        raise Damaged(f"does not begin with {magic.decode()}")
    length = u16(data, at + 10)
    end = len(data) if whole_file else at + length
    if length < 16 or length > most or end > len(data):
        raise Damaged("the length of the header cannot be")
    if zlib.crc32(data[at + 16 : end], zlib.crc32(bytes(4), zlib.crc32(data[at : at + 12]))) != u32(data, at + 12):
        raise Damaged("the checksum of the header does not match")
    if u16(data, at + 8) != VERSION:
        raise Later(f"version {u16(data, at + 8)}")
    if length < least:
        raise Damaged("the header is too short")
    return length


@dataclass(frozen=True)
class Features:
    read: int
    write: int
    ignore: int

    @staticmethod
    def at(data: bytes, at: int) -> Features:
        features = Features(u32(data, at), u32(data, at + 4), u32(data, at + 8))
        if features.read:
            raise Later(f"features {features.read:#x} must be known to read it")
        return features

    @property
    def zeros_expected(self) -> bool:
        return self.ignore == 0


@dataclass(frozen=True)
class FileHeader:
    """The header of a raw or a sealed segment."""

    raw: bytes
    store: bytes
    segment: bytes
    base: int
    file_bytes: int
    features: Features
    created: int
    origin: bytes
    predecessor: bytes
    last_before: int

    @property
    def length(self) -> int:
        return len(self.raw)

    @property
    def seed(self) -> int:
        return zlib.crc32(self.store + self.segment)

    @staticmethod
    def at(data: bytes, at: int, magic: bytes) -> FileHeader:
        length = versioned(data, at, magic, 192, 4096)
        raw = data[at : at + length]
        features = Features.at(raw, 64)
        if raw[76] != 1:
            raise Later(f"checksum {raw[76]} of the header is not known")
        header = FileHeader(
            raw, raw[16:32], raw[32:48], u64(raw, 48), u64(raw, 56), features, i64(raw, 80),
            raw[96:112], raw[112:128], u64(raw, 128),
        )
        if not id_in_range(header.base) or header.last_before > GREATEST_ID:
            raise Damaged("an id in the header cannot be")
        return header

    def zero_fields(self) -> bool:
        """Whether what this version leaves zero is zero."""
        return not self.features.zeros_expected or (
            is_zero(self.raw, 77, 80) and is_zero(self.raw, 92, 96) and is_zero(self.raw, 140, 144)
            and is_zero(self.raw, 176, self.length)
        )
