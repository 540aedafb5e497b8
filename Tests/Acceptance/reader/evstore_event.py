# Owns: decoding the body of a record into an event, and telling a body that is none.
"""The page EventFormat."""

from __future__ import annotations

import json
import re
import sys
import uuid
from dataclasses import dataclass
from typing import Optional

from evstore_bytes import Damaged, Later, u32

DEPTH = 1024
UUID_TEXT = re.compile("[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
sys.setrecursionlimit(max(sys.getrecursionlimit(), 8 * DEPTH))


@dataclass(frozen=True)
class Event:
    event_id: int
    category: str
    event_type: str
    aggregate_id: str
    data: bytes
    timestamp: int
    recorded_at: int
    version: int
    id: Optional[str]
    tags: tuple[str, ...]
    metadata: Optional[bytes]

    def line(self) -> str:
        """One line of JSON. Data and metadata stand in it as they were appended, but for line breaks between tokens."""
        quote = lambda text: json.dumps(text, ensure_ascii=False)
        inner = lambda text: text.decode().replace("\n", " ").replace("\r", " ")
        parts = [
            f'"event_id":{self.event_id}', f'"category":{quote(self.category)}',
            f'"event_type":{quote(self.event_type)}', f'"aggregate_id":{quote(self.aggregate_id)}',
            f'"data":{inner(self.data)}', f'"timestamp":{self.timestamp}', f'"recorded_at":{self.recorded_at}',
            f'"version":{self.version}',
        ]
        if self.id is not None:
            parts.append(f'"id":{quote(self.id)}')
        if self.tags:
            parts.append(f'"tags":{quote(list(self.tags))}')
        if self.metadata is not None:
            parts.append(f'"metadata":{inner(self.metadata)}')
        return "{" + ",".join(parts) + "}"


def split_body(body: bytes) -> tuple[list[bytes], bytes]:
    """Keys and payload of any record, of events and of others."""
    if not body:
        raise Damaged("an empty body")
    at, keys = 1, []
    for _ in range(body[0]):
        if at >= len(body) or at + 2 + body[at] > len(body):
            raise Damaged("a key runs past the end of the body")
        keys.append(body[at + 1 : at + 2 + body[at]])
        at += 2 + body[at]
    return keys, body[at:]


def _text(name: bytes) -> str:
    if not 1 <= len(name) <= 255:
        raise Damaged("a name is empty or too long")
    try:
        text = name.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Damaged("a name is not UTF-8") from error
    if any(ord(one) < 0x20 or 0x7F <= ord(one) <= 0x9F for one in text):
        raise Damaged("a name has a control character")
    return text


def _no_constant(text: str) -> None:
    raise ValueError(f"{text} is no JSON")


def check_object(data: bytes, what: str) -> None:
    """Refuses what is not a JSON object by RFC 8259."""
    try:
        text = data.decode("utf-8")
        value = json.loads(text, parse_int=len, parse_float=len, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise Damaged(f"{what} is no JSON: {error}") from error
    if not isinstance(value, dict):
        raise Damaged(f"{what} is no JSON object")
    level, depth = [value], 0
    while level:
        depth += 1
        below: list = []
        for one in level:
            strings = [text for text in one if isinstance(text, str)]
            for child in one.values() if isinstance(one, dict) else one:
                if isinstance(child, (dict, list)):
                    below.append(child)
                elif isinstance(child, str):
                    strings.append(child)
            if "\\u" in text and any(0xD800 <= ord(letter) <= 0xDFFF for string in strings for letter in string):
                raise Damaged(f"{what} has a lone surrogate")
        level = below
    if depth > DEPTH:
        raise Damaged(f"{what} is nested too deep")


def decode(id: int, time: int, recorded_at: int, body: bytes) -> Event:
    keys, payload = split_body(body)
    if not payload:
        raise Damaged("a body without payload")
    for key in keys:
        kind = chr(key[0])
        if not (kind.isascii() and kind.isalpha()):
            raise Damaged("the kind of a key is no letter")
    flags, at, version, meta_bytes = payload[0], 1, 1, None
    if flags & 1:
        if len(payload) < at + 4:
            raise Damaged("the payload ends within its version")
        version = u32(payload, at)
        at += 4
    if flags & 2:
        if len(payload) < at + 4:
            raise Damaged("the payload ends within its number of metadata bytes")
        meta_bytes = u32(payload, at)
        at += 4
        if meta_bytes > len(payload) - at:
            raise Damaged("the metadata run past the end")
    if flags & 0x7C or any(chr(key[0]).islower() and chr(key[0]) not in "cating" for key in keys):
        raise Later("an event with something that must be known, and is not")
    known = [key for key in keys if chr(key[0]) in "cating"]
    kinds = "".join(chr(key[0]) for key in known)
    names = kinds[3:].lstrip("in")
    if not kinds.startswith("cat") or set(names) - {"g"} or len(kinds) - 3 - len(names) > 1:
        raise Damaged(f"keys of the kinds {kinds}: one missing, one too many, or out of order")
    identity = None
    if "i" in kinds:
        if len(known[3]) != 17:
            raise Damaged("a UUID that is not of 16 bytes")
        identity = str(uuid.UUID(bytes=known[3][1:]))
    elif "n" in kinds:
        identity = _text(known[3][1:])
        if UUID_TEXT.fullmatch(identity):
            raise Damaged("a UUID as text")
    if version == 0:
        raise Damaged("a version of 0")
    metadata = None
    if meta_bytes is not None:
        metadata = payload[at : at + meta_bytes]
        at += meta_bytes
        check_object(metadata, "the metadata")
    data = payload[at:]
    check_object(data, "the data")
    category, aggregate, kind = (_text(key[1:]) for key in known[:3])
    names = tuple(_text(key[1:]) for key in known if key[0] == ord("g"))
    return Event(id, category, kind, aggregate, data, time, recorded_at, version, identity, names, metadata)
