# Owns: reading a sealed segment: header, footer, blocks found by walking, records, block table, times, controls.
"""The page SegmentFormat from *Sealed segments* on, but for the index over keys."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from typing import NamedTuple, Optional

from evstore_bytes import (
    Cursor, Damaged, FileHeader, Findings, GREATEST_ID, GREATEST_TIME, LEAST_TIME, Later, i64, id_in_range, inflate,
    is_zero, u32, u64, wrap64,
)
from evstore_event import split_body
from evstore_raw import Control, Record

MAGIC = b"EVSEALED"
RECORDS, KEYS, NAMES, BLOCKS, FILTER, TIMES, CONTROLS, FILTER_PART = 1, 2, 3, 4, 5, 6, 7, 128
MIB = 1 << 20
MOST_RAW = {RECORDS: 513 * MIB, KEYS: MIB, NAMES: 64 * MIB, BLOCKS: 64 * MIB, FILTER: 512 * MIB, FILTER_PART: 4040, TIMES: 64 * MIB,
            CONTROLS: 512 * MIB}


class Block(NamedTuple):
    offset: int
    first: int
    last: int
    count: int
    raw_bytes: int
    content_bytes: int
    crc: int
    kind: int
    codec: int
    checksum: int

    @property
    def end(self) -> int:
        return self.offset + 56 + self.content_bytes


class Section(NamedTuple):
    kind: int
    flags: int
    offset: int
    content_bytes: int
    raw_bytes: int


class Entry(NamedTuple):
    """What the block table says of a block of records."""

    offset: int
    content_bytes: int
    raw_bytes: int
    count: int
    first: int
    last: int


@dataclass
class Footer:
    header: FileHeader
    start: int
    record_count: int
    first: int
    last: int
    record_bytes: int
    first_recorded: int
    last_recorded: int
    least_time: int
    greatest_time: int
    control_count: int
    sections: list[Section]


@dataclass
class Sealed:
    name: str
    data: bytes
    header: FileHeader
    footer: Optional[Footer]
    last: int = 0  # the last id that it answers for
    blocks: list[Block] = field(default_factory=list)  # all that were found, by offset
    records: list[Record] = field(default_factory=list)
    record_blocks: list[tuple[Block, list[Record]]] = field(default_factory=list)  # the whole ones
    controls: list[Control] = field(default_factory=list)
    damaged: bool = False  # records are missing
    unknown_to: int = 0

    @property
    def origin(self) -> bytes:
        return self.header.origin


def read_footer(data: bytes) -> Footer:
    size = len(data)
    if size < 16 or data[-8:] != b"EVFOOTER":
        raise Damaged("no footer at the end")
    length = u32(data, size - 16)
    start = size - length
    if length > 65536 or length < 192 + 88 + 16 or start < 0:
        raise Damaged("the footer's length cannot be")
    if zlib.crc32(data[start : size - 12]) != u32(data, size - 12):
        raise Damaged("the footer's checksum does not match")
    header = FileHeader.at(data, start, MAGIC)
    at = start + header.length
    count = u32(data, at + 80)
    if header.length + 88 + 32 * count + 16 != length or u64(data, at) != size:
        raise Damaged("the footer is of another length, or of another file")
    sections = []
    for place in range(at + 88, size - 16, 32):
        section = Section(data[place], data[place + 1], u64(data, place + 8), u32(data, place + 16), u32(data, place + 20))
        if section.offset < header.length or section.offset + 56 + section.content_bytes > start:
            raise Damaged("a section lies outside the file")
        if not (RECORDS <= section.kind <= CONTROLS or section.kind == FILTER_PART) and section.flags & 1:
            raise Later(f"a section of kind {section.kind} must be known to read it")
        sections.append(section)
    if len({one.kind for one in sections}) != len(sections):
        raise Damaged("two sections of a kind")
    first, last = u64(data, at + 16), u64(data, at + 24)
    if not id_in_range(first) or last > GREATEST_ID or last < first - 1:
        raise Damaged("the ids of the footer run backwards, or cannot be")
    return Footer(
        header, start, u64(data, at + 8), first, last, u64(data, at + 32), i64(data, at + 40), i64(data, at + 48),
        i64(data, at + 56), i64(data, at + 64), u64(data, at + 72), sections,
    )


def block_at(data: bytes, at: int, end: int, seed: int) -> Optional[Block]:
    if at + 56 > end or data[at : at + 4] != b"BLCK":
        return None
    if zlib.crc32(data[at + 8 : at + 56], seed) != u32(data, at + 4) or u64(data, at + 8) != at:
        return None
    block = Block(
        at, u64(data, at + 16), u64(data, at + 24), u32(data, at + 32), u32(data, at + 36), u32(data, at + 40),
        u32(data, at + 44), data[at + 48], data[at + 49], data[at + 50],
    )
    return block if block.end <= end else None


def content(data: bytes, block: Block) -> bytes:
    """What a block holds, unpacked."""
    packed = data[block.offset + 56 : block.end]
    if block.codec > 1 or block.checksum != 1:
        raise Later(f"codec {block.codec} or checksum {block.checksum} is not known")
    if zlib.crc32(packed) != block.crc:
        raise Damaged("the checksum of the content does not match")
    if block.raw_bytes > MOST_RAW.get(block.kind, block.raw_bytes):
        raise Damaged("announces too many bytes")
    if block.codec == 0:
        if block.raw_bytes != block.content_bytes:
            raise Damaged("unpacked content of another length than announced")
        return packed
    if block.raw_bytes > 1032 * block.content_bytes:
        raise Damaged("announces more bytes than zlib can make")
    return inflate(packed, block.raw_bytes)


def unpack_records(block: Block, raw: bytes) -> list[Record]:
    count = block.count
    if count > 65536 or count == 0 or not id_in_range(block.first) or not block.first <= block.last <= GREATEST_ID:
        raise Damaged("a block of records of impossible ids or count")
    cursor = Cursor(raw)
    exponent = cursor.take(1)[0]
    if exponent not in (0, 3, 6, 9):
        raise Damaged("a unit of time that is none")
    ids, times, recorded = [], [], []
    id = block.first
    for place in range(count):
        step = cursor.varint()
        if place and not step or not place and step:
            raise Damaged("ids do not ascend from the block's first")
        id += step
        ids.append(id)
    if id != block.last:
        raise Damaged("the last id is not the block's")
    time = 0
    for _ in range(count):
        time = wrap64(time + cursor.zigzag())
        if not LEAST_TIME <= time * 10**exponent <= GREATEST_TIME:
            raise Damaged("a time that overflows")
        times.append(time * 10**exponent)
    time = 0
    for place in range(count):
        time = wrap64(time + cursor.zigzag())
        if place and time < recorded[-1]:
            raise Damaged("commit times go back")
        recorded.append(time)
    lengths = [cursor.varint() for _ in range(count)]
    records = [Record(*three, cursor.take(length)) for *three, length in zip(ids, times, recorded, lengths)]
    if not cursor.done:
        raise Damaged("bytes behind the last body")
    for record in records:
        split_body(record.body)
    return records


def unpack_controls(block: Block, raw: bytes) -> list[Control]:
    cursor, controls, sequence = Cursor(raw), [], 0
    for _ in range(block.count):
        step = cursor.varint()
        if not step:
            raise Damaged("control records do not ascend")
        sequence += step
        controls.append(Control(sequence, cursor.varint(), cursor.zigzag(), cursor.take(cursor.varint())))
        if not split_body(controls[-1].body)[0]:
            raise Damaged("a control record without a subject")
    if not cursor.done:
        raise Damaged("bytes behind the last control record")
    return controls


def unpack_table(block: Block, raw: bytes) -> list[Entry]:
    if len(raw) != 40 * block.count:
        raise Damaged("the table has another length than its count asks for")
    entries = []
    for at in range(0, len(raw), 40):
        entry = Entry(
            u64(raw, at), u32(raw, at + 8), u32(raw, at + 12), u32(raw, at + 16), u64(raw, at + 24), u64(raw, at + 32)
        )
        before = entries[-1] if entries else None
        if before and (entry.offset < before.offset + 56 + before.content_bytes or entry.first <= before.last):
            raise Damaged("the blocks of the table do not ascend, or overlap")
        if entry.last < entry.first or not id_in_range(entry.first):
            raise Damaged("the table has ids that cannot be")
        entries.append(entry)
    return entries


class _Reader:
    def __init__(self, sealed: Sealed, findings: Findings):
        self.sealed = sealed
        self.findings = findings
        self.data = sealed.data
        self.end = sealed.footer.start if sealed.footer else len(sealed.data)
        self.holes: list[int] = []  # where bytes stand that are no block

    def damage(self, what: str, first: int = 0, last: int = -1) -> None:
        self.findings.damage(self.sealed.name, what, first, last)

    def walk(self) -> None:
        at, seed = self.sealed.header.length, self.sealed.header.seed
        while at < self.end:
            block = block_at(self.data, at, self.end, seed)
            if not block:
                start = at
                while (at := self.data.find(b"BLCK", at + 1, self.end)) >= 0:
                    if block := block_at(self.data, at, self.end, seed):
                        break
                self.holes.append(start)
                self.damage(f"no block at {start}")
                if not block:
                    return
            self.sealed.blocks.append(block)
            if self.sealed.header.features.zeros_expected and not is_zero(self.data, block.offset + 51, block.offset + 56):
                self.damage(f"the block at {block.offset} has bytes where there should be zeros")
            at = block.end

    def unpacked(self, kind: int, unpack):
        """The one section of a kind, where it can be had."""
        found = [one for one in self.sealed.blocks if one.kind == kind]
        said = [one for one in (self.sealed.footer.sections if self.sealed.footer else []) if one.kind == kind]
        for section in said:
            if not any((b.offset, b.content_bytes, b.raw_bytes) == section[2:5] for b in found):
                self.damage(f"the section of kind {kind} is not where the footer says, or is damaged")
        if len(found) > 1 or (self.sealed.footer and len(found) > len(said)):
            self.damage(f"a block of kind {kind} that the footer does not name")
        if not found:
            return None
        try:
            return unpack(found[0], content(self.data, found[0]))
        except (Damaged, Later) as error:
            add = self.findings.later if isinstance(error, Later) else self.findings.damage
            add(self.sealed.name, f"section of kind {kind}: {error}")
            return None

    def records(self, table: Optional[list[Entry]], next_base: Optional[int]) -> None:
        sealed, footer = self.sealed, self.sealed.footer
        if table is not None and footer and sum(one.count for one in table) != footer.record_count:
            self.damage("the table has not as many records as the footer says")
            table = None
        if table and (table[-1].offset + 56 + table[-1].content_bytes > self.end or footer and table[-1].last > footer.last):
            self.damage("the table has blocks or ids beyond the segment's")
            table = None
        entries = {one.offset: one for one in table or []}
        wholes: set[int] = set()
        recorded = LEAST_TIME
        last = sealed.header.base - 1
        for block in [one for one in sealed.blocks if one.kind == RECORDS]:
            try:
                if table is not None and entries.get(block.offset) != Entry(
                    block.offset, block.content_bytes, block.raw_bytes, block.count, block.first, block.last
                ):
                    raise Damaged("is not what the table says of it")
                records = unpack_records(block, content(self.data, block))
                if block.first <= last or records[0].recorded_at < recorded:
                    raise Damaged("ids or commit times go back from one block to the next")
                if footer and block.last > footer.last:
                    raise Damaged("has ids that the footer does not cover")
                last, recorded = block.last, records[-1].recorded_at
                sealed.records += records
                sealed.record_blocks.append((block, records))
                wholes.add(block.offset)
            except Later as error:
                sealed.damaged = True
                self.findings.later(sealed.name, f"block at {block.offset}: {error}", block.first, block.last)
            except Damaged as error:
                sealed.damaged = True
                entry = entries.get(block.offset, block)
                self.damage(f"block at {block.offset}: {error}", entry.first, entry.last)
        found = {one.offset for one in sealed.blocks if one.kind == RECORDS}
        for entry in table or []:
            if entry.offset not in found:
                sealed.damaged = True
                self.damage(f"block at {entry.offset} cannot be found", entry.first, entry.last)
        counted = sum(one.count for one in sealed.blocks if one.kind == RECORDS)
        if table is None and self.holes and not (footer and footer.record_count == counted):
            self.lost_in_holes(next_base)
        if footer:
            sealed.last = footer.last
        elif next_base is not None:
            sealed.last = next_base - 1
        else:
            sealed.last = max([sealed.header.base - 1] + [one.last for one in sealed.blocks if one.kind == RECORDS])

    def lost_in_holes(self, next_base: Optional[int]) -> None:
        """Without footer and table: the ids that may have stood where no block can be found."""
        blocks = [one for one in self.sealed.blocks if one.kind == RECORDS]
        end = self.sealed.footer.last + 1 if self.sealed.footer else next_base
        for hole in self.holes:
            before = max([self.sealed.header.base - 1] + [one.last for one in blocks if one.offset < hole])
            behind = min([one.first for one in blocks if one.offset > hole], default=end)
            if behind is not None and behind > before + 1:
                self.sealed.damaged = True
                self.damage(f"blocks are gone at {hole}", before + 1, behind - 1)

    def check_footer(self, times: Optional[list[tuple[int, int, int, int]]]) -> None:
        sealed, footer = self.sealed, self.sealed.footer
        ours = [
            (min(r.time for r in rs), max(r.time for r in rs), rs[0].recorded_at, rs[-1].recorded_at)
            for _, rs in sealed.record_blocks
        ]
        if times is not None and not sealed.damaged and times != ours:
            self.damage("the times of blocks are not those of the records")
        if not footer:
            return
        if footer.first != sealed.header.base:
            self.damage("the footer covers other ids than the header says")
        if len(sealed.controls) != footer.control_count:
            self.damage("the footer counts other control records")
        if sealed.damaged:
            return
        said = (footer.record_count, footer.record_bytes, footer.least_time, footer.greatest_time,
                footer.first_recorded, footer.last_recorded)
        records = sealed.records
        facts = (
            len(records), sum(len(one.body) for one in records),
            min((one[0] for one in ours), default=LEAST_TIME), max((one[1] for one in ours), default=LEAST_TIME),
            ours[0][2] if ours else LEAST_TIME, ours[-1][3] if ours else LEAST_TIME,
        )
        if said != facts:
            self.damage(f"the footer says {said} where the records say {facts}")


def sealed_header(name: str, data: bytes, findings: Findings) -> tuple[FileHeader, Optional[Footer]]:
    """The header, from the beginning or from the footer, and the footer where it is whole."""
    footer, header, error = None, None, None
    try:
        footer = read_footer(data)
    except Damaged as found:
        findings.damage(name, f"footer: {found}")
    try:
        header = FileHeader.at(data, 0, MAGIC)
    except Damaged as found:
        error = found
        findings.damage(name, f"header: {found}")
    if header and footer and header.raw != footer.header.raw:
        findings.damage(name, "the header in the footer is another than the one at the beginning")
    if not header and not footer:
        raise error or Damaged("no header")
    return header or footer.header, footer


def read_sealed(
    name: str, data: bytes, header: FileHeader, footer: Optional[Footer], next_base: Optional[int], findings: Findings
) -> Sealed:
    sealed = Sealed(name, data, header, footer)
    reader = _Reader(sealed, findings)
    if header.file_bytes or not header.zero_fields():
        findings.damage(name, "the header has bytes where there should be zeros")
    reader.walk()
    table = reader.unpacked(BLOCKS, unpack_table)
    times = reader.unpacked(
        TIMES, lambda block, raw: [tuple(i64(raw, at + part) for part in (0, 8, 16, 24)) for at in range(0, len(raw), 32)]
    )
    reader.records(table, next_base)
    sealed.controls = reader.unpacked(CONTROLS, unpack_controls) or []
    reader.check_footer(times)
    return sealed
