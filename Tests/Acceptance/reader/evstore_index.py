# Owns: the index of a sealed segment over keys (pages, names, filter), and holding it against the records.
"""Kinds 2, 3, 5 and 128 of the page SegmentFormat."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from typing import Optional, Union

from evstore_bytes import Cursor, Damaged, Findings, Later, u64
from evstore_event import split_body
from evstore_sealed import FILTER, FILTER_PART, KEYS, NAMES, Block, Sealed, content

MASK = (1 << 64) - 1


def key_hash(key: bytes) -> int:
    value = 0xCBF29CE484222325
    for byte in key:
        value = (value ^ byte) * 0x100000001B3 & MASK
    value = (value ^ value >> 30) * 0xBF58476D1CE4E5B9 & MASK
    value = (value ^ value >> 27) * 0x94D049BB133111EB & MASK
    return value ^ value >> 31


def filter_places(key: bytes, bits: int) -> list[int]:
    value = key_hash(key)
    low, step = value & 0xFFFFFFFF, value >> 32 | 1
    return [(low + i * step) % bits for i in range(7)]


class Filter:
    def __init__(self, raw: bytes):
        if len(raw) < 8:
            raise Damaged("a filter without a length")
        self.bits = u64(raw, 0)
        self.data = raw[8:]
        if self.bits == 0 or self.bits % 8 or self.bits // 8 != len(self.data):
            raise Damaged("a filter of another length than it says")

    def may_have(self, key: bytes) -> bool:
        return all(self.data[place // 8] >> place % 8 & 1 for place in filter_places(key, self.bits))


class FilterParts:
    def __init__(self, parts: list[Filter]):
        self.parts = parts

    def may_have(self, key: bytes) -> bool:
        return self.parts[(key_hash(key) >> 32) * len(self.parts) >> 32].may_have(key)


@dataclass(frozen=True)
class Posting:
    count: int
    blocks: Optional[tuple[int, ...]]  # none: every block of the segment


@dataclass(frozen=True)
class Page:
    offset: int
    content_bytes: int
    raw_bytes: int
    first_key: bytes


@dataclass
class Index:
    """The keys of a segment as its index has them."""

    sealed: Sealed
    pages: list[Page] = field(default_factory=list)
    filter: Optional[Union[Filter, FilterParts]] = None
    unpacked: dict[int, dict[bytes, Posting]] = field(default_factory=dict)  # pages that were read once, by their offset
    keys_of_block: dict[int, list[tuple[int, set[bytes]]]] = field(default_factory=dict)

    def page(self, page: Page) -> dict[bytes, Posting]:
        if page.offset not in self.unpacked:
            self.unpacked[page.offset] = self._page(page)
        return self.unpacked[page.offset]

    def _page(self, page: Page) -> dict[bytes, Posting]:
        block = next((one for one in self.sealed.blocks if one.offset == page.offset and one.kind == KEYS), None)
        if not block or (block.content_bytes, block.raw_bytes) != (page.content_bytes, page.raw_bytes):
            raise Damaged(f"the page at {page.offset} is not where the names say")
        postings = unpack_page(block, content(self.sealed.data, block), len(self.sealed.record_blocks))
        if next(iter(postings), None) != page.first_key:
            raise Damaged(f"the page at {page.offset} begins with another key than the names say")
        return postings

    def find(self, key: bytes) -> Optional[Posting]:
        """As a reader would: filter, names, page."""
        if self.filter and not self.filter.may_have(key):
            return None
        place = bisect_right([one.first_key for one in self.pages], key) - 1
        return self.page(self.pages[place]).get(key) if place >= 0 else None

    def keys(self) -> dict[bytes, Posting]:
        every: dict[bytes, Posting] = {}
        for page in self.pages:
            every.update(self.page(page))
        return every

    def ids(self, key: bytes) -> list[int]:
        posting = self.find(key)
        if not posting:
            return []
        places = range(len(self.sealed.record_blocks)) if posting.blocks is None else posting.blocks
        return [id for place in places for id, keys in self._block(place) if key in keys]

    def _block(self, place: int) -> list[tuple[int, set[bytes]]]:
        if place not in self.keys_of_block:
            records = self.sealed.record_blocks[place][1]
            self.keys_of_block[place] = [(one.id, set(split_body(one.body)[0])) for one in records]
        return self.keys_of_block[place]


def unpack_page(block: Block, raw: bytes, block_count: int) -> dict[bytes, Posting]:
    cursor, postings, before = Cursor(raw), {}, b""
    while not cursor.done:
        shared = cursor.varint()
        rest = cursor.take(cursor.varint())
        if shared > len(before):
            raise Damaged("a key shares more than there is")
        if shared < len(before) and rest[:1] == before[shared : shared + 1]:
            raise Damaged("two keys share more than is said")
        key = before[:shared] + rest
        if postings and key <= before or not 1 <= len(key) <= 256:
            raise Damaged("keys of a page do not ascend, or cannot be")
        count, number = cursor.varint(), cursor.varint()
        places: list[int] = []
        for _ in range(number):
            step = cursor.varint()
            if places and not step:
                raise Damaged("the blocks of a key do not ascend")
            places.append((places[-1] if places else 0) + step)
            if places[-1] >= block_count:
                raise Damaged("a key in a block that is not there")
        postings[key] = Posting(count, tuple(places) if number else None)
        before = key
    if len(postings) != block.count:
        raise Damaged("a page of another number of keys than its header says")
    return postings


def unpack_names(block: Block, raw: bytes) -> list[Page]:
    cursor, pages = Cursor(raw), []
    while not cursor.done:
        page = Page(cursor.varint(), cursor.varint(), cursor.varint(), cursor.take(cursor.varint()))
        if pages and page.first_key <= pages[-1].first_key:
            raise Damaged("names out of order")
        pages.append(page)
    if len(pages) != block.count:
        raise Damaged("another number of names than the header says")
    return pages


def keys_of_records(sealed: Sealed) -> dict[bytes, tuple[int, tuple[int, ...]]]:
    """What the index has to say, from the records themselves: how many have each key, and in which blocks."""
    counts: dict[bytes, int] = {}
    places: dict[bytes, list[int]] = {}
    for place, (_, records) in enumerate(sealed.record_blocks):
        for record in records:
            for key in set(split_body(record.body)[0]):
                counts[key] = counts.get(key, 0) + 1
                held = places.setdefault(key, [])
                if not held or held[-1] != place:
                    held.append(place)
    return {key: (counts[key], tuple(places[key])) for key in counts}


def read_index(sealed: Sealed, findings: Findings) -> Index:
    """The index, as far as it is whole, checked against every record where all of them are."""
    index = Index(sealed)

    def section(kind: int, unpack):
        found = [one for one in sealed.blocks if one.kind == kind]
        said = [one for one in (sealed.footer.sections if sealed.footer else []) if one.kind == kind]
        places = [[(one.offset, one.content_bytes, one.raw_bytes) for one in part] for part in (found, said)]
        if sealed.footer and places[0] != places[1]:
            findings.damage(sealed.name, f"the section of kind {kind} is not where the footer says")
        try:
            return unpack(found[0], content(sealed.data, found[0])) if found else None
        except Later as error:
            findings.later(sealed.name, f"section of kind {kind}: {error}")
        except Damaged as error:
            findings.damage(sealed.name, f"section of kind {kind}: {error}")
        return None

    index.filter = section(FILTER, lambda block, raw: Filter(raw)) or read_parts(sealed, findings)
    names = section(NAMES, unpack_names)
    index.pages = names or []
    key_blocks = [one for one in sealed.blocks if one.kind == KEYS]
    if names is None:
        # Without names the pages can still be checked, each by itself.
        index.pages = []
        for block in key_blocks:
            try:
                content(sealed.data, block)
            except (Damaged, Later) as error:
                findings.damage(sealed.name, f"page of keys at {block.offset}: {error}")
    elif [one.offset for one in index.pages] != [one.offset for one in key_blocks]:
        findings.damage(sealed.name, "the pages of keys are others than the names say")
    if sealed.damaged:
        for page in index.pages:
            check_page_bytes(index, page, findings)
        return index
    facts = keys_of_records(sealed)
    every = tuple(range(len(sealed.record_blocks)))
    said: dict[bytes, Posting] = {}
    whole = names is not None
    for page in index.pages:
        try:
            said.update(index.page(page))
        except (Damaged, Later) as error:
            whole = False
            findings.damage(sealed.name, f"index: {error}")
    if whole and list(said) != sorted(facts):
        findings.damage(sealed.name, "the index has other keys than the records, or not in order")
    for key, posting in said.items():
        count, places = facts.get(key, (0, ()))
        if posting.count != count or (every if posting.blocks is None else posting.blocks) != places:
            findings.damage(sealed.name, f"the index says something else of the key {key!r} than the records")
    if index.filter:
        missing = [key for key in facts if not index.filter.may_have(key)]
        if missing:
            findings.damage(sealed.name, f"the filter does not know {len(missing)} keys, such as {missing[0]!r}")
        block = next((one for one in sealed.blocks if one.kind == FILTER), None)
        if block and block.count != len(facts):
            findings.damage(sealed.name, "the filter counts other keys")
    return index


def read_parts(sealed: Sealed, findings: Findings) -> Optional[FilterParts]:
    """The filter that is written in parts; none where there is none, or one of them is not whole."""
    blocks = [one for one in sealed.blocks if one.kind == FILTER_PART]
    said = [one for one in (sealed.footer.sections if sealed.footer else []) if one.kind == FILTER_PART]
    places = [[(one.offset, one.content_bytes, one.raw_bytes) for one in part] for part in (blocks[:1], said)]
    if sealed.footer and places[0] != places[1]:
        findings.damage(sealed.name, "the parts of the filter are not where the footer says")
        return None
    if sealed.footer and blocks:
        behind = [one.offset for one in sealed.footer.sections if one.offset > blocks[0].offset]
        if blocks[-1].end != min(behind, default=sealed.footer.start):
            findings.damage(sealed.name, "the parts of the filter do not reach to what stands behind them")
            return None
    parts = []
    try:
        for place, block in enumerate(blocks):
            if block.offset != blocks[0].offset + 4096 * place or block.end != block.offset + 4096:
                raise Damaged("is not a page behind the one before")
            if block.count != len(blocks):
                raise Damaged("counts other parts")
            parts.append(Filter(content(sealed.data, block)))
    except Later as error:
        findings.later(sealed.name, f"a part of the filter: {error}")
        return None
    except Damaged as error:
        findings.damage(sealed.name, f"a part of the filter: {error}")
        return None
    return FilterParts(parts) if parts else None


def check_page_bytes(index: Index, page: Page, findings: Findings) -> None:
    block = next((one for one in index.sealed.blocks if one.offset == page.offset and one.kind == KEYS), None)
    try:
        if not block:
            raise Damaged("cannot be found")
        content(index.sealed.data, block)
    except (Damaged, Later) as error:
        findings.damage(index.sealed.name, f"page of keys at {page.offset}: {error}")
