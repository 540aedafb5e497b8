"""Owns: what the scripts of the clients in Python share: saying how a claim went, and asking for what they cannot do."""

import sys

LARGE = '{"text":"' + "é" * 1000 + '"}'


def claim(name, holds, detail=""):
    print(f"{'ok' if holds else 'FAIL'} {name}{f': {detail}' if not holds else ''}")


def ask(words):
    print(words, flush=True)
    sys.stdin.readline()


def fields(event):
    """RESP2 has a flat array, RESP3 a map."""
    pairs = event if isinstance(event, dict) else dict(zip(event[::2], event[1::2]))
    return {name.decode(): value for name, value in pairs.items()}
