# Owns: reading a whole data directory: which files count, how they follow each other, and what of it is lost.
"""The page DataDirectory, and of the page Recovery what a reader needs that changes nothing."""

from __future__ import annotations

import os
import re
import stat
import zlib
from dataclasses import dataclass
from typing import Iterator, Optional, Union

from evstore_bytes import Damaged, FileHeader, Findings, LEAST_TIME, Later
from evstore_event import Event, decode, split_body
from evstore_files import Manifest, Snapshot, StoreFile, anchor_crc, read_manifest, read_snapshot, read_store_file
from evstore_index import Index, read_index
from evstore_raw import Control, LAST_PAGE, RECORD_HEADER, Raw, Record, Seen, raw_header, read_raw
from evstore_sealed import Footer, Sealed, read_sealed, sealed_header

SEGMENT_NAME = re.compile(r"(\d{20})\.(active|segment)")
SNAPSHOT_NAME = re.compile(r"(\d{20})\.snapshot")
TORN_NAME = re.compile(r"(0|[1-9]\d*)-(0|[1-9]\d*)-(0|[1-9]\d*)\.torn(\.\d+)?")
NO_SEGMENT = bytes(16)
Segment = Union[Raw, Sealed]


@dataclass
class Candidate:
    """A file under the name of a segment, before it is known whether it counts."""

    base: int
    name: str
    sealed: bool
    data: bytes
    header: Optional[FileHeader] = None  # none where the file tells nothing of itself
    footer: Optional[Footer] = None
    later: bool = False  # of a later version, which is no damage

    @property
    def origin(self) -> bytes:
        if not self.header:
            return NO_SEGMENT
        return self.header.origin if self.sealed else self.header.segment


class Store:
    """A data directory, read at once. What it found out stands in its attributes."""

    def __init__(self, path: str):
        self.path = path
        self.findings = Findings()
        self.store: Optional[StoreFile] = None
        self.manifest: Optional[Manifest] = None
        self.segments: list[Segment] = []
        self.indexes: list[Index] = []
        self.snapshots: list[Snapshot] = []
        self.quarantine: list[str] = []
        self.events: list[Event] = []
        self._read()

    # --- the directory

    def _regular(self, name: str) -> bool:
        try:
            return stat.S_ISREG(os.lstat(os.path.join(self.path, name)).st_mode)
        except FileNotFoundError:
            return False

    def _names(self, folder: str) -> list[str]:
        path = os.path.join(self.path, folder)
        return sorted(os.listdir(path)) if os.path.isdir(path) else []

    def _bytes(self, name: str) -> bytes:
        if not self._regular(name):
            raise Damaged("is missing" if not os.path.lexists(os.path.join(self.path, name)) else "is no regular file")
        with open(os.path.join(self.path, name), "rb") as file:
            return file.read()

    def _try(self, name: str, read):
        """What can be read of a file, with a finding where it cannot."""
        try:
            return read()
        except Later as error:
            self.findings.later(name, f"of a later version: {error}")
        except Damaged as error:
            self.findings.damage(name, str(error))
        return None

    def _read(self) -> None:
        if os.path.lexists(os.path.join(self.path, "repair.unfinished")):
            self.findings.damage("repair.unfinished", "a repair was cut off: this is no store yet")
        self.store = self._try("store.json", lambda: read_store_file(self._bytes("store.json")))
        store = self.store.store if self.store else None
        self.manifest = self._try("manifest", lambda: read_manifest(self._bytes("manifest"), store, self.findings))
        kept = self._choose(self._candidates(store))
        self._read_segments(kept)
        self._check_ends()
        self._decode()
        self._read_snapshots(store)
        for name in self._names("quarantine"):
            self.quarantine.append(name)
            match = TORN_NAME.fullmatch(name)
            if match and zlib.crc32(self._bytes(f"quarantine/{name}")) != int(match[3]):
                self.findings.note(f"quarantine/{name}", "holds other bytes than its name says")

    # --- segments

    def _candidates(self, store: Optional[bytes]) -> list[Candidate]:
        found: list[Candidate] = []
        for name in self._names("log"):
            match = SEGMENT_NAME.fullmatch(name)
            if not match:
                continue
            path = f"log/{name}"
            data = self._try(path, lambda: self._bytes(path))
            one = Candidate(int(match[1]), path, match[2] == "segment", data or b"")
            found.append(one)
            if data is None:
                continue
            both = self._try(
                path,
                lambda: sealed_header(path, data, self.findings) if one.sealed
                else (raw_header(path, data, self.findings), None),
            )
            if not both:
                one.later = self.findings.all[-1].kind == "later"
                continue
            header = both[0]
            if store is not None and header.store != store:
                self.findings.damage(path, "is of another store")
            elif header.base != one.base:
                self.findings.damage(path, f"stands under a wrong name: its base is {header.base}")
            else:
                one.header, one.footer = both
        return sorted(found, key=lambda one: (one.base, not one.sealed))

    def _choose(self, found: list[Candidate]) -> list[Candidate]:
        """Leaves out what another file has taken the place of, and strangers."""
        kept: list[Candidate] = []
        for one in found:
            before = kept[-1] if kept else None
            if before and before.base == one.base:
                if one.header and not self._whole(before):
                    self.findings.note(one.name, "takes the place of the sealed segment, which is damaged")
                    kept[-1] = one
                else:
                    self.findings.note(one.name, "is left over: it has been sealed")
            elif before and before.footer and one.base <= before.footer.last:
                if not one.footer or one.footer.last <= before.footer.last:
                    self.findings.note(one.name, f"is left over: {before.name} has taken it over")
                else:
                    self.findings.damage(one.name, f"overlaps {before.name}")
            else:
                kept.append(one)
        return [one for one in kept if not self._stranger(kept, one)]

    def _whole(self, one: Candidate) -> bool:
        if not one.header:
            return False
        return not read_sealed(one.name, one.data, one.header, one.footer, None, Findings()).damaged

    @staticmethod
    def _disown(before: Optional[Candidate], behind: Optional[Candidate]) -> bool:
        """Whether of two that follow each other one is from another past."""
        if not (before and behind and before.header and behind.header):
            return False
        last = before.footer.last if before.footer else behind.base - 1
        return last == behind.base - 1 == behind.header.last_before and behind.header.predecessor != before.origin

    def _stranger(self, kept: list[Candidate], one: Candidate) -> bool:
        place, manifest = kept.index(one), self.manifest
        if one is kept[-1] and one.header and manifest and manifest.base == one.base and not self._named(one):
            self.findings.damage(one.name, "is another segment than the manifest names", one.base, self._most(one.base - 1))
            return True
        before = kept[place - 1] if place else None
        behind = kept[place + 1] if place + 1 < len(kept) else None
        disowned = [other for other in (before, behind) if self._disown(*((other, one) if other is before else (one, other)))]
        if not disowned:
            return False
        self.findings.damage(one.name, f"does not belong beside {', '.join(other.name for other in disowned)}")
        return len(disowned) == 2 or (behind is None and not self._named(one))

    def _named(self, one: Candidate) -> bool:
        return self.manifest is not None and one.origin in (self.manifest.segment, self.manifest.replaces)

    def _read_segments(self, kept: list[Candidate]) -> None:
        expected, later = 1, False
        for place, one in enumerate(kept):
            behind = kept[place + 1].base if place + 1 < len(kept) else None
            if one.base > expected:
                self.findings.damage("log", "a whole segment is missing", expected, one.base - 1)
            if not one.header:
                end = behind - 1 if behind else self._most(one.base - 1)
                tell = self.findings.later if one.later else self.findings.damage
                tell(one.name, "cannot be read", one.base, end)
                later = later or one.later
                expected = max(expected, one.base, end + 1)
                continue
            segment: Segment
            if one.sealed:
                segment = read_sealed(one.name, one.data, one.header, one.footer, behind, self.findings)
                self.indexes.append(read_index(segment, self.findings))
            else:
                segment = read_raw(one.name, one.data, one.header, behind, self._seen(one.header.segment), self.findings)
            self.segments.append(segment)
            expected = max(expected, segment.last + 1)
        self.last = expected - 1
        self.later = later

    def _seen(self, segment: bytes) -> Optional[Seen]:
        manifest = self.manifest
        if not manifest or segment != manifest.segment:
            return None
        return Seen(manifest.durable, manifest.tail, manifest.at_rest, max(manifest.tail, manifest.limit))

    def _most(self, least: int) -> int:
        """The last id that can have been given, where the newest segment tells nothing."""
        manifest = self.manifest
        if not manifest:
            return least + ((1 << 32) - 1 - 8192 - LAST_PAGE) // (RECORD_HEADER + 1)
        if manifest.at_rest:
            return max(least, manifest.tail, manifest.limit)
        room = (manifest.file_bytes - LAST_PAGE - manifest.durable) // (RECORD_HEADER + 1)
        return max(least, manifest.tail + room)

    def _check_ends(self) -> None:
        """What the manifest has seen, held against what the files have."""
        manifest, log = self.manifest, self.segments
        for segment in log:
            if segment.unknown_to > self.last:
                self.findings.damage(segment.name, "what was committed last is not known", self.last + 1, segment.unknown_to)
        if not manifest or self.later:
            return
        newest = log[-1] if log else None
        known = {one.origin for one in log} | {one.header.segment for one in log} | {NO_SEGMENT}
        for segment in log:
            said = (manifest.base, manifest.file_bytes)
            if isinstance(segment, Raw) and segment.header.segment == manifest.segment:
                if said != (segment.header.base, segment.header.file_bytes):
                    self.findings.damage("manifest", f"says base and bytes {said} of {segment.name}")
        if manifest.segment not in known:
            if manifest.replaces not in known - {NO_SEGMENT}:
                self.findings.damage("manifest", "the newest segment is missing", self.last + 1, self._most(self.last))
        elif isinstance(newest, Raw) and newest.records and newest.header.segment != manifest.segment:
            self.findings.damage(newest.name, "has records, and the manifest does not name it")
        if manifest.tail > self.last:
            if not any(first <= manifest.tail <= last for first, last in self.findings.lost()):
                self.findings.damage("log", "ends before what the manifest has seen", self.last + 1, manifest.tail)
        elif manifest.at_rest and manifest.tail < self.last and not self.findings.lost():
            self.findings.damage("manifest", f"says at rest behind {manifest.tail}, and the log goes on")
        controls = self.controls()
        last = max((one.sequence for one in controls), default=0)
        if manifest.control > last and self.findings.clean:
            self.findings.damage("manifest", f"has seen control record {manifest.control}, and the last is {last}")
        records = [one.records[-1] for one in log if one.records]
        if self.findings.clean and records and records[-1].id == manifest.tail:
            if records[-1].recorded_at != manifest.recorded_at:
                self.findings.damage("manifest", "says another commit time of the last record")

    # --- records, events, control records

    def records(self) -> Iterator[tuple[Segment, Record]]:
        last = 0
        for segment in self.segments:
            for record in segment.records:
                if record.id > last:
                    yield segment, record
                last = max(last, record.id)

    def _decode(self) -> None:
        recorded = LEAST_TIME
        for segment, record in self.records():
            if record.recorded_at < recorded:
                self.findings.damage(segment.name, f"record {record.id} was committed before the one before it")
            recorded = record.recorded_at
            try:
                self.events.append(decode(*record))
            except Later as error:
                self.findings.later(segment.name, f"event {record.id}: {error}", record.id, record.id)
            except Damaged as error:
                self.findings.damage(segment.name, f"event {record.id}: {error}", record.id, record.id)

    def controls(self) -> list[Control]:
        """All control records, each once, by sequence."""
        every = {one.sequence: one for segment in self.segments for one in segment.controls}
        return [every[sequence] for sequence in sorted(every)]

    def last_words(self) -> dict[bytes, Control]:
        """What counts of the control records: the last of each subject."""
        words: dict[bytes, Control] = {}
        for one in self.controls():
            words[split_body(one.body)[0][0]] = one
        return words

    # --- snapshots

    def _read_snapshots(self, store: Optional[bytes]) -> None:
        records = {record.id: record for _, record in self.records()}
        for projection in self._names("snapshots"):
            for name in self._names(f"snapshots/{projection}"):
                match = SNAPSHOT_NAME.fullmatch(name)
                if not match:
                    continue
                path = f"snapshots/{projection}/{name}"
                snapshot = self._try(path, lambda: read_snapshot(projection, self._bytes(path)))
                if not snapshot:
                    continue
                self.snapshots.append(snapshot)
                record = records.get(snapshot.position)
                if store is not None and snapshot.store != store:
                    self.findings.damage(path, "is of another store")
                elif snapshot.position != int(match[1]):
                    self.findings.damage(path, "stands under a wrong name")
                elif snapshot.position > self.last:
                    self.findings.damage(path, "is of an event that the log does not have")
                elif record and (not snapshot.anchored or snapshot.anchor_recorded != record.recorded_at
                                 or snapshot.anchor_crc != anchor_crc(*record)):
                    self.findings.damage(path, "is of another event than the log has there")

    # --- what means nothing

    def means_nothing(self, name: str, at: int) -> bool:
        """Whether the pages say of a byte of a file that nobody looks at it."""
        if name.startswith("log/") and not SEGMENT_NAME.fullmatch(name[4:]):
            return True
        for segment in self.segments:
            if segment.name == name and isinstance(segment, Raw):
                end = segment.end + (56 if segment is self.segments[-1] else 0)
                return end <= at < segment.header.file_bytes - LAST_PAGE
        return False
