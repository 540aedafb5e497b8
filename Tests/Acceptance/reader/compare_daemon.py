# Owns: running the daemon and evctl in a temporary folder, and the made-up events that are appended.
"""What the comparison needs of the other side: processes, and inputs whose answers are known."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
from dataclasses import dataclass
from decimal import Decimal
from typing import Optional

TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..", ".."))

CONFIGURATION = """reducers: {{directory: {top}/config/reducers}}
projections: [order_counts, user_activity, inventory_levels]
segment: {{bytes: 1048576, spare_files: {spares}, recycled_files: {recycled}, roll_after_seconds: 0, block_bytes: 4096}}
snapshots: {{every_events: 700}}
disk: {{keep_free_bytes: 0, reserve_files: 0}}
"""


class Daemon:
    """One data directory and, between start and stop, the daemon that has it."""

    def __init__(self, binaries: str, folder: str, spares: int = 1, recycled: int = 4):
        os.makedirs(folder)
        self.binaries = binaries
        self.data = os.path.join(folder, "data")
        self.socket = os.path.join(folder, "s")
        self.configuration = os.path.join(folder, "c.yaml")
        self.log = os.path.join(folder, "log")
        self.process: Optional[subprocess.Popen] = None
        with open(self.configuration, "w") as file:
            file.write(CONFIGURATION.format(top=TOP, spares=spares, recycled=recycled))

    def start(self) -> None:
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [os.path.join(self.binaries, "evstored"), "--config", self.configuration, "--data-dir", self.data,
                 "--socket", self.socket], stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        for _ in range(500):
            if self.process.poll() is not None:
                raise RuntimeError(f"the daemon ended with {self.process.returncode}; see {self.log}")
            # A store that is degraded or full says so by its status, and answers.
            if self.run("status", "-o", "json", check=False).returncode in (0, 1, 6, 7):
                return
            time.sleep(0.02)
        raise RuntimeError("the daemon does not answer")

    def end(self, how: int = signal.SIGTERM) -> None:
        if self.process and self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait(20)
        self.process = None

    def command(self, *arguments: str) -> list[str]:
        return [os.path.join(self.binaries, "evctl"), "-s", self.socket, *arguments]

    def run(self, *arguments: str, check: bool = True, stdin: bytes = b"") -> subprocess.CompletedProcess:
        done = subprocess.run(self.command(*arguments), input=stdin, capture_output=True, timeout=60)
        if check and done.returncode:
            raise RuntimeError(f"evctl {' '.join(arguments)}: {done.returncode} {done.stderr.decode()}")
        return done

    def status(self) -> dict:
        return json.loads(self.run("status", "-o", "json", check=False).stdout)

    def wait_sealed(self, raw: int = 1) -> None:
        for _ in range(500):
            if self.status()["segments_raw"] <= raw:
                return
            time.sleep(0.02)
        raise RuntimeError("segments are not sealed")

    def roll(self) -> None:
        for _ in range(100):
            if self.run("roll", check=False).returncode == 0:
                break
            time.sleep(0.1)
        else:
            raise RuntimeError("the segment is not rolled")
        self.wait_sealed()


def verify(binaries: str, data: str) -> tuple[int, dict]:
    """The exit status of evctl verify, and what it prints."""
    done = subprocess.run(
        [os.path.join(binaries, "evctl"), "verify", "--data-dir", data, "-o", "json"], capture_output=True, timeout=60)
    try:
        told = json.loads(done.stdout)
    except ValueError:
        told = {"error": done.stderr.decode().strip()}
    return done.returncode, told


def members(line: str) -> dict[str, str]:
    """The members of a JSON object, each value as the text that it is."""
    decoder = json.JSONDecoder(parse_int=str, parse_float=str)
    found, at = {}, line.index("{") + 1
    while True:
        while line[at] in " \t,":
            at += 1
        if line[at] == "}":
            return found
        name, at = decoder.raw_decode(line, at)
        at = line.index(":", at) + 1
        while line[at] in " \t":
            at += 1
        _, end = decoder.raw_decode(line, at)
        found[name] = line[at:end]
        at = end


def nanoseconds(text: str) -> int:
    """A decimal number of seconds, exactly."""
    scaled = Decimal(text).scaleb(9)
    assert scaled == int(scaled), text
    return int(scaled)


@dataclass(frozen=True)
class Known:
    """An event as it was given to import."""

    line: str
    fields: dict[str, str]


def known(**parts) -> Known:
    """Of parts that are JSON texts already, a line and its fields."""
    line = "{" + ",".join(f'"{name}":{value}' for name, value in parts.items()) + "}"
    return Known(line, parts)


ODD_DATA = [
    '{}', '{ "a" : [ 1 , 2 ] ,\t"b":{} }', '{"n":123456789012345678901234567890.000000000000000001}', '{"n":-0,"m":-0.0e-999}',
    '{"n":1e400,"m":18446744073709551616}', '{"ü":"grüße 😀 \\ud83d\\ude00 \\u0000 \\/ \u2028","":"\x7f"}', '{"a":1,"a":2}',
    '{"deep":' + "[" * 1000 + "]" * 1000 + "}", '{"n":' + "9" * 5000 + "}", '{"long":"' + "x" * 70000 + '"}',
]
ODD_TIMES = [
    "0", "-0.000000001", "-1.5", "-9223372036.854775807", "9223372036.854775807", "1700000000.123456789",
    "1700000000.5", "-62.000001", "4102444800", "1e9",
]


def odd_events() -> list[Known]:
    quote = lambda text: json.dumps(text, ensure_ascii=False)
    events = []
    for place, (data, moment) in enumerate(zip(ODD_DATA, ODD_TIMES)):
        parts = {
            "category": quote("ö" * 127 if place == 3 else "odd"), "aggregate_id": quote(f"é {place} \"\\/"),
            "event_type": quote("t" * 255 if place == 4 else "Ω"), "data": data, "timestamp": moment,
            "version": str([1, 2, 4294967295][place % 3]),
        }
        if place % 2:
            name = ["00112233-4455-6677-8899-aabbccddee", "é order ", "00112233-4455-6677-8899-aabbccdde"][place % 3]
            parts["id"] = quote(f"{name}{place:02x}")
        if place % 3:
            parts["tags"] = quote([f"tag {one % 2} ü" for one in range(place * 7)])
        if place % 4:
            parts["metadata"] = data if len(data) < 5000 else '{"by": "ann"}'
        events.append(known(**parts))
    return events


def plain_events(count: int, seed: int, size: int = 300, each_its_own: bool = False) -> list[Known]:
    """Events of which no two are alike, that deflate little."""
    chance = random.Random(seed)
    events = []
    for place in range(count):
        kind = chance.choice(["order", "user", "inventory"])
        data = json.dumps({
            "status": chance.choice(["pending", "confirmed", "shipped"]), "n": place,
            "sku": f"s{chance.randrange(9)}", "quantity": chance.randrange(50), "noise": chance.randbytes(size // 2).hex(),
        })
        parts = {
            "category": f'"{kind}"',
            "aggregate_id": f'"{kind}-{place if each_its_own else chance.randrange(count // 4 + 1)}"',
            "event_type": f'"{chance.choice(["created", "changed", "closed"])}"', "data": data,
            "timestamp": f"{chance.randrange(10**9, 2 * 10**9)}.{chance.choice(['5', '000001', '123456789', '0'])}",
        }
        if chance.random() < 0.3:
            parts["tags"] = json.dumps([f"t{chance.randrange(40)}" for _ in range(chance.randrange(4))])
        events.append(known(**parts))
    return events


def lines(events: list[Known]) -> bytes:
    return "".join(one.line + "\n" for one in events).encode()
