"""Owns: as much of the segment format as it takes to damage a chosen place. The format's page has all of it."""

import collections
import os
import struct

HEADER = 192
HEADER_COPY = 4096
FIRST_FRAME = 8192

Frame = collections.namedtuple("Frame", "offset end first_id records")
Block = collections.namedtuple("Block", "offset end first_id last_id kind")


def frames(path):
    """The frames of a raw segment, markers too, up to the first place where there is none."""
    with open(path, "rb") as file:
        data = file.read()
    found, offset = [], FIRST_FRAME
    while data[offset:offset + 4] == b"FRAM":
        place, _, first, _, records, body = struct.unpack_from("<QQQqII", data, offset + 8)
        if place != offset:
            break
        end = (offset + 56 + body + 7) & ~7
        found.append(Frame(offset, end, first, records))
        offset = end
    return found


def blocks(path):
    """The blocks of a sealed segment; those of kind 1 hold records."""
    with open(path, "rb") as file:
        data = file.read()
    found, offset = [], HEADER
    while data[offset:offset + 4] == b"BLCK":
        place, first, last, _, _, stream, _, kind = struct.unpack_from("<QQQIIIIB", data, offset + 8)
        if place != offset:
            break
        found.append(Block(offset, offset + 56 + stream, first, last, kind))
        offset += 56 + stream
    return found


def footer(path):
    """Where the footer of a sealed segment begins."""
    size = os.path.getsize(path)
    with open(path, "rb") as file:
        file.seek(size - 16)
        return size - struct.unpack("<I", file.read(4))[0]


def proven(manifest, path):
    """What the manifest says of a raw segment: all bytes before this place were durable."""
    with open(manifest, "rb") as file:
        slots = file.read()
    with open(path, "rb") as file:
        segment = file.read(HEADER)[32:48]
    newest, place = 0, FIRST_FRAME
    for entry in (slots[:256], slots[4096:4096 + 256]):
        sequence, durable = struct.unpack_from("<Q", entry, 32)[0], struct.unpack_from("<Q", entry, 104)[0]
        if sequence > newest:
            newest, place = sequence, durable if entry[72:88] == segment else FIRST_FRAME
    return place


def flip(path, offset, bit=0):
    """Turns one bit over. Doing it again undoes it."""
    with open(path, "r+b") as file:
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([byte ^ 1 << bit]))
