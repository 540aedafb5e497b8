# Owns: reading a raw segment: both headers, frames by the tail rule, control records, trailer.
"""The page SegmentFormat from *Raw segments* on, and the tail rule of the page Recovery."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from typing import NamedTuple, Optional

from evstore_bytes import (
    Damaged, FileHeader, Findings, GREATEST_ID, LEAST_TIME, i64, id_in_range, is_zero, u32, u64,
)

MAGIC = b"EVRAWSEG"
FRAMES = 8192
LAST_PAGE = 4096
FRAME_HEADER = 56
RECORD_HEADER = 32


class Record(NamedTuple):
    id: int
    time: int
    recorded_at: int
    body: bytes


class Control(NamedTuple):
    sequence: int
    position: int
    recorded_at: int
    body: bytes


class Proof(NamedTuple):
    """Says that everything before a place was durable, and which id comes there."""

    place: int
    first: int
    by: str


class Seen(NamedTuple):
    """What the manifest says of a raw segment."""

    durable: int
    tail: int
    at_rest: bool
    limit: int


class FrameHeader(NamedTuple):
    offset: int
    durable: int
    first: int
    recorded_at: int
    count: int
    body_bytes: int
    body_crc: int
    controls: int

    @property
    def end(self) -> int:
        return self.offset + FRAME_HEADER + self.body_bytes

    @property
    def last(self) -> int:
        return self.first + self.count - 1


@dataclass
class Raw:
    name: str
    data: bytes
    header: FileHeader
    records: list[Record] = field(default_factory=list)
    controls: list[Control] = field(default_factory=list)
    last: int = 0  # the last id that it answers for
    end: int = FRAMES  # where the next frame would begin
    damaged: bool = False
    closed: bool = False
    torn: bool = False
    unknown_to: int = 0  # ids up to here may have been given, and are lost

    @property
    def origin(self) -> bytes:
        return self.header.segment


def raw_header(name: str, data: bytes, findings: Findings) -> FileHeader:
    """Either of the two headers."""
    whole: list[FileHeader] = []
    error: Optional[Damaged] = None
    for at in (0, 4096):
        try:
            header = FileHeader.at(data, at, MAGIC)
            if not FRAMES + LAST_PAGE <= header.file_bytes < 1 << 32:
                raise Damaged("a raw segment cannot have so many bytes")
            whole.append(header)
        except Damaged as found:
            error = found
            findings.damage(name, f"header at {at}: {found}")
    if not whole:
        raise error or Damaged("no header")
    if len(whole) == 2 and whole[0].raw != whole[1].raw:
        findings.damage(name, "its two headers differ")
    return whole[0]


class _Reader:
    def __init__(self, raw: Raw, next_base: Optional[int], seen: Optional[Seen], findings: Findings):
        self.raw = raw
        self.data = raw.data
        self.seed = raw.header.seed
        self.next = next_base
        self.seen = seen
        self.findings = findings
        self.frames_end = raw.header.file_bytes - LAST_PAGE
        self.limit = min(len(self.data), self.frames_end)
        self.cut = len(self.data) < raw.header.file_bytes
        self.frames: list[FrameHeader] = []

    def damage(self, what: str, first: int = 0, last: int = -1) -> None:
        self.findings.damage(self.raw.name, what, first, last)
        self.raw.damaged = True

    # --- one frame

    def frame_header(self, at: int) -> Optional[FrameHeader]:
        data = self.data
        if at + FRAME_HEADER > self.limit or data[at : at + 4] != b"FRAM":
            return None
        if zlib.crc32(data[at + 8 : at + 56], self.seed) != u32(data, at + 4) or u64(data, at + 8) != at:
            return None
        frame = FrameHeader(
            at, u64(data, at + 16), u64(data, at + 24), i64(data, at + 32), u32(data, at + 40),
            u32(data, at + 44), u32(data, at + 48), u32(data, at + 52),
        )
        if not id_in_range(frame.first) or frame.last > GREATEST_ID or frame.durable > at or frame.end >= 1 << 32:
            return None
        return frame

    def record_at(self, at: int, end: int) -> tuple[int, bool]:
        """The length that a record claims (0 if it cannot be), and whether its CRC matches."""
        if at + RECORD_HEADER + 1 > end:
            return 0, False
        length = u32(self.data, at + 4)
        if length < RECORD_HEADER + 1 or at + length > end:
            return 0, False
        return length, zlib.crc32(self.data[at + 4 : at + length]) == u32(self.data, at)

    def record(self, at: int, length: int) -> Record:
        data = self.data
        return Record(u64(data, at + 8), i64(data, at + 16), i64(data, at + 24), data[at + 32 : at + length])

    def control(self, at: int, length: int) -> Control:
        data = self.data
        return Control(u64(data, at + 16), u64(data, at + 8), i64(data, at + 24), data[at + 32 : at + length])

    def walk(self, frame: FrameHeader) -> tuple[list[Record], list[Control], bool]:
        """The records of a frame that are whole, and whether the frame is."""
        at, end = frame.offset + FRAME_HEADER, frame.end
        if end > self.limit:
            return self.walk_prefix(at, self.limit, frame.first, frame.count)
        places: list[tuple[int, int, bool]] = []
        crcs = bytearray()
        while at < end and len(places) < frame.count + frame.controls:
            length, good = self.record_at(at, end)
            if not length:
                break
            places.append((at, length, good))
            crcs += self.data[at : at + 4]
            at += length
        complete = at == end and len(places) == frame.count + frame.controls
        vouched = complete and zlib.crc32(bytes(crcs)) == frame.body_crc
        whole = vouched
        records, controls = [], []
        for place, (at, length, good) in enumerate(places):
            if place < frame.count:
                record = self.record(at, length)
                good = good and record.id == frame.first + place
                if good:
                    records.append(record)
            elif good:
                controls.append(self.control(at, length))
            if not good:
                whole = False
                if not vouched:
                    break
        return records, controls, whole

    def walk_prefix(self, at: int, end: int, first: int, most: int = 1 << 32):
        """Records one behind the other, for as long as they are whole and follow each other."""
        records: list[Record] = []
        while len(records) < most:
            length, good = self.record_at(at, end)
            if not good or u64(self.data, at + 8) != first + len(records):
                break
            records.append(self.record(at, length))
            at += length
        controls: list[Control] = []
        while True:
            length, good = self.record_at(at, end)
            if not good or u64(self.data, at + 8) != first + len(records) - 1:
                break
            controls.append(self.control(at, length))
            at += length
        return records, controls, False

    # --- the whole file

    def proof(self, offset: int, trailer: Optional[Proof]) -> Optional[Proof]:
        proofs: list[Proof] = [trailer] if trailer and trailer.place > offset else []
        if self.seen and self.seen.durable > offset:
            proofs.append(Proof(self.seen.durable, self.seen.tail + 1, "the manifest"))
        at = offset
        while (at := self.data.find(b"FRAM", at + 1, self.limit)) >= 0:
            frame = self.frame_header(at) if at % 8 == 0 else None
            if frame and frame.durable > offset:
                proofs.insert(0, Proof(at, frame.first, "a later frame"))
                break
        return min(proofs, key=lambda one: one.place) if proofs else None

    def read_frames(self, trailer: Optional[Proof]) -> None:
        raw = self.raw
        offset, expected = FRAMES, raw.header.base
        recorded, durable = LEAST_TIME, 0
        while offset < self.frames_end:
            frame = self.frame_header(offset)
            if frame:
                records, controls, whole = self.walk(frame)
                if whole and frame.first >= expected and (self.next is None or frame.last < self.next):
                    if frame.first > expected:
                        self.damage("ids are missing between two frames", expected, frame.first - 1)
                    if frame.recorded_at < recorded or frame.durable < durable:
                        self.damage(f"the frame at {offset} goes back in time or durable offset")
                    recorded, durable = frame.recorded_at, frame.durable
                    self.check_frame(frame, records, controls)
                    raw.records += records
                    raw.controls += controls
                    offset, expected = (frame.end + 7) & ~7, frame.last + 1
                    if not is_zero(self.data, frame.end, min(offset, self.limit)):
                        self.damage(f"bytes behind the frame that ends at {frame.end} are not zero")
                    continue
            if self.next is not None and expected >= self.next:
                self.finish(offset, self.next, ended=False)
                return
            proof = self.proof(offset, trailer)
            if not proof:
                break
            self.rescue(offset, expected, frame, proof.place, proof.first - 1, proof.by)
            if proof.by == "the manifest" and self.seen and is_zero(self.data, offset, self.limit):
                room = (self.frames_end - self.seen.durable) // (RECORD_HEADER + 1)
                raw.unknown_to = self.seen.limit if self.seen.at_rest else self.seen.tail + room
            offset, expected = proof.place, max(expected, proof.first)
        self.finish(offset, expected, ended=True)

    def check_frame(self, frame: FrameHeader, records: list[Record], controls: list[Control]) -> None:
        if any(one.recorded_at != frame.recorded_at for one in records + controls):
            self.damage(f"records of the frame at {frame.offset} were not committed with it")
        if any(one.position != frame.last for one in controls):
            self.damage(f"control records of the frame at {frame.offset} stand at another position")
        self.frames.append(frame)

    def rescue(self, offset: int, expected: int, frame: Optional[FrameHeader], end: int, last: int, by: str) -> None:
        """Damage from offset up to a place where reading goes on: keeps what is whole, tells what is lost."""
        if frame and frame.first >= expected:
            records, controls, _ = self.walk(frame)
        else:
            records, controls, _ = self.walk_prefix(offset + FRAME_HEADER, min(end, self.limit), expected)
        if self.next is not None:
            last = min(last, self.next - 1)
            records = [one for one in records if one.id < self.next]
        at = expected
        for id in [one.id for one in records] + [last + 1]:
            if id > at:
                self.damage(f"frame at {offset} is damaged, as {by} proves", at, id - 1)
            at = id + 1
        self.damage(f"no whole frame at {offset}, though {by} proves that one stood there")
        self.raw.records += records
        self.raw.controls += controls

    def finish(self, offset: int, expected: int, ended: bool) -> None:
        raw = self.raw
        raw.end, raw.last = offset, expected - 1
        if not ended:
            return
        if self.next is not None and expected < self.next:
            self.rescue(offset, expected, self.frame_header(offset), self.limit, self.next - 1, "the next segment")
            raw.last = self.next - 1
        elif self.cut and not (offset + FRAME_HEADER <= self.limit and is_zero(self.data, offset, offset + FRAME_HEADER)):
            frame = self.frame_header(offset)
            self.rescue(offset, expected, frame, self.limit, frame.last if frame else expected - 1, "the cut")
            raw.last = max(raw.last, frame.last if frame else 0, self.seen.tail if self.seen else 0)
            if self.seen and self.next is None:
                room = (self.frames_end - max(offset, self.seen.durable)) // (RECORD_HEADER + 1)
                raw.unknown_to = self.seen.limit if self.seen.at_rest else raw.last + room
        elif not is_zero(self.data, offset, min(offset + FRAME_HEADER, self.limit)):
            raw.torn = True
            if raw.closed:
                self.damage(f"bytes behind the end of the frames at {offset} are not zero")
            else:
                self.findings.note(raw.name, f"a torn write at {offset}, never acknowledged")

    def read_trailer(self) -> Optional[Proof]:
        data, at, base = self.data, self.frames_end, self.raw.header.base
        if len(data) < at + LAST_PAGE or is_zero(data, at, at + 128):
            return None
        if data[at : at + 8] != b"EVCLOSED" or zlib.crc32(data[at + 12 : at + 128], self.seed) != u32(data, at + 8):
            self.damage("the trailer is damaged")
            return None
        end, first, last, count = u64(data, at + 24), u64(data, at + 32), u64(data, at + 40), u64(data, at + 48)
        if u64(data, at + 16) != at or not FRAMES <= end <= at:
            self.damage("the trailer belongs to another place")
            return None
        if first != base or last != first + count - 1 or last > GREATEST_ID:
            self.damage("the trailer has ids that cannot be")
            return None
        self.raw.closed = True
        return Proof(end, last + 1, "the trailer")

    def compare_trailer(self) -> None:
        data, at, raw = self.data, self.frames_end, self.raw
        if raw.damaged or raw.last + 1 != u64(data, at + 40) + 1:
            return
        records, controls = raw.records, sum(one.controls for one in self.frames)
        times = [one.time for one in records]
        ours = (
            raw.end, len(records), controls, sum(RECORD_HEADER + len(one.body) for one in records),
            records[0].recorded_at if records else LEAST_TIME, records[-1].recorded_at if records else LEAST_TIME,
            min(times, default=LEAST_TIME), max(times, default=LEAST_TIME),
        )
        said = (u64(data, at + 24), u64(data, at + 48), u64(data, at + 56), u64(data, at + 64)) + tuple(
            i64(data, at + place) for place in (72, 80, 88, 96)
        )
        if ours != said:
            self.damage(f"the trailer says {said} where the frames say {ours}")
        if raw.header.features.zeros_expected and not (is_zero(data, at + 12, at + 16) and is_zero(data, at + 104, at + 128)):
            self.damage("the trailer has bytes where there should be zeros")


def read_raw(
    name: str, data: bytes, header: FileHeader, next_base: Optional[int], seen: Optional[Seen], findings: Findings
) -> Raw:
    raw = Raw(name, data, header, last=header.base - 1)
    reader = _Reader(raw, next_base, seen, findings)
    size = header.file_bytes
    if len(data) != size:
        findings.damage(name, f"has {len(data)} bytes, and was made with {size}")
    if header.features.zeros_expected:
        if not header.zero_fields():
            findings.damage(name, "the header has bytes where there should be zeros")
        for first, end in ((header.length, 4096), (4096 + header.length, FRAMES), (size - LAST_PAGE + 128, size)):
            if not is_zero(data, first, end):
                findings.damage(name, f"bytes from {first} to {end - 1} are not all zero")
    trailer = reader.read_trailer()
    reader.read_frames(trailer)
    if trailer:
        reader.compare_trailer()
    return raw
