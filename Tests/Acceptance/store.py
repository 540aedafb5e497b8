"""Owns: what the acceptance scripts share: a daemon of their own, a connection, generated events.

Python 3 and its standard library; Unix sockets; ends no process that it did not start.
"""

import argparse
import bisect
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class Refused(Exception):
    """An error that the daemon answered."""


class Lost(Exception):
    """The connection ended."""


class Connection:
    """One connection. Commands are written with `send`, answers read in the same order with `receive`."""

    def __init__(self, path, version=2):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(120)
        self.socket.connect(path)
        self.buffer = b""
        self.at = 0
        if version == 3:
            self.ask("HELLO", "3")

    def send(self, commands):
        self.send_bytes(b"".join(map(encoded, commands)))

    def send_bytes(self, data):
        try:
            self.socket.sendall(data)
        except OSError as error:
            raise Lost from error

    def ask(self, *command):
        self.send([command])
        answer = self.receive()
        if isinstance(answer, Refused):
            raise answer
        return answer

    def receive(self):
        kind, rest = (line := self._line())[:1], line[1:]
        if kind == b"+":
            return rest.decode()
        if kind == b"-":
            return Refused(rest.decode())
        if kind == b":":
            return int(rest)
        if kind == b"_":
            return None
        count = int(rest)
        if count < 0:
            return None
        if kind == b"$":
            return self._bytes(count)
        if kind in b"*>~":
            return [self.receive() for _ in range(count)]
        if kind == b"%":
            return {key_text(self.receive()): self.receive() for _ in range(count)}
        raise Lost(f"not RESP: {line!r}")

    def close(self):
        self.socket.close()

    def _more(self):
        try:
            part = self.socket.recv(1 << 18)
        except TimeoutError:
            # A daemon that hangs is not one that has gone.
            raise
        except OSError as error:
            raise Lost from error
        if not part:
            raise Lost
        self.buffer = self.buffer[self.at:] + part
        self.at = 0

    def _line(self):
        while (end := self.buffer.find(b"\r\n", self.at)) < 0:
            self._more()
        line = self.buffer[self.at:end]
        self.at = end + 2
        return line

    def _bytes(self, count):
        while len(self.buffer) - self.at < count + 2:
            self._more()
        part = self.buffer[self.at:self.at + count]
        self.at += count + 2
        return part


def key_text(key):
    return key.decode() if isinstance(key, bytes) else key


def encoded(command):
    parts = [part if isinstance(part, bytes) else str(part).encode() for part in command]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)


def event_map(answer):
    """An event in version 2 is a flat array, in version 3 a map."""
    if isinstance(answer, dict):
        return answer
    return {key_text(answer[i]): answer[i + 1] for i in range(0, len(answer), 2)}


class Daemon:
    """evstored on a directory of its own, with the reference model's projections."""

    def __init__(self, binary, folder, settings=None, data=None):
        self.binary, self.folder, self.process = binary, folder, None
        self.data = data or os.path.join(folder, "data")
        self.socket = os.path.join(folder, "evstored.sock")
        self.log = os.path.join(folder, "evstored.log")
        self.environment = dict(os.environ, **(settings or {}))

    def spawn(self, before=()):
        """Starts it, as the last of the words of the command `before`, and waits for nothing."""
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [*before, self.binary, "--config", os.path.join(TOP, "config/evstored.yaml"), "--data-dir", self.data,
                 "--socket", self.socket],
                env=self.environment, stdin=subprocess.DEVNULL, stderr=log)

    def start(self, wait=60, before=()):
        """Starts it and waits for its first answer about the store. Returns the seconds that took."""
        begin = time.monotonic()
        self.spawn(before)
        while time.monotonic() - begin < wait:
            if self.process.poll() is not None:
                raise SystemExit(f"evstored ended with {self.process.returncode}:\n{self.notes()}")
            if self.answers():
                return time.monotonic() - begin
            time.sleep(0.005)
        raise SystemExit(f"evstored has not answered within {wait} s:\n{self.notes()}")

    def answers(self):
        """Whether it says how many events there are, or why it cannot."""
        try:
            connection = Connection(self.socket)
            try:
                connection.ask("EV.COUNT")
            finally:
                connection.close()
            return True
        except Refused as error:
            return not str(error).startswith("LOADING")
        except (OSError, Lost):
            return False

    def refuses(self, wait=60, before=()):
        """Starts it where it should not start. Returns its exit status, and what errors it named."""
        begin = os.path.getsize(self.log) if os.path.exists(self.log) else 0
        self.spawn(before)
        status = self.ended(wait)
        if status is None:
            self.kill()
        with open(self.log, "rb") as log:
            log.seek(begin)
            lines = log.read().decode(errors="replace").splitlines()
        return status, "; ".join(line for line in lines if "info:" not in line)

    def ended(self, wait=60):
        """Its exit status once it has ended by itself; None where it has not."""
        try:
            return self.process.wait(wait)
        except subprocess.TimeoutExpired:
            return None

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        """Asks it to end; returns its exit status."""
        if self.process is None or self.process.poll() is not None:
            return self.process and self.process.returncode
        # A daemon that was stopped by a signal would not hear of this one.
        self.process.send_signal(signal.SIGCONT)
        self.process.terminate()
        if (status := self.ended()) is not None:
            return status
        self.kill()
        return "killed after 60 s"

    def connect(self, version=2):
        return Connection(self.socket, version)

    def notes(self):
        with open(self.log, errors="replace") as log:
            return log.read()

    def files(self, *suffixes):
        """The log's files of these suffixes, in the order of their names."""
        folder = os.path.join(self.data, "log")
        return [os.path.join(folder, name) for name in sorted(os.listdir(folder)) if name.endswith(suffixes)]

    def log_bytes(self):
        """Bytes of the sealed segments, and how many there are."""
        sizes = [os.path.getsize(path) for path in self.files(".segment")]
        return sum(sizes), len(sizes)


def info(connection):
    text = connection.ask("EV.INFO").decode()
    return dict(line.split(":", 1) for line in text.splitlines() if ":" in line)


def roll(connection, seconds=600):
    """Closes the active segment, as soon as the store lets it: not while too many closed ones wait to be sealed."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return connection.ask("EV.ROLL")
        except Refused as error:
            if "come again" not in str(error) or time.monotonic() > deadline:
                raise
        time.sleep(0.1)


def wait_until_sealed(connection, seconds=600):
    """Closes the active segment and waits until everything is compressed."""
    roll(connection, seconds)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        figures = info(connection)
        if int(figures["seal_backlog_bytes"]) == 0 and int(figures["segments_raw"]) <= 1:
            return
        time.sleep(0.1)
    raise SystemExit(f"segments are still waiting to be sealed after {seconds} s")


class Events:
    """Made-up events by number: the same seed and number always give the same event.

    Four categories, 100,000 aggregates of which few are busy, 100 to 400 bytes of JSON.
    """

    KINDS = {
        "order": ["created", "confirmed", "shipped", "cancelled"],
        "user": ["registered", "logged_in", "address_changed"],
        "inventory": ["stock_added", "stock_removed"],
        "payment": ["authorized", "processed", "refunded"],
    }
    WORDS = ("please leave the parcel with our neighbour on second floor ring twice gift invoice delivery date urgent "
             "fragile agreed customer asked for later pickup paid by card green blue small large").split()

    def __init__(self, seed=1, aggregates=100_000):
        self.seed = seed
        total, self.weights = 0.0, []
        for rank in range(1, aggregates + 1):
            total += 1 / rank ** 0.9
            self.weights.append(total)

    def __call__(self, number):
        """(category, aggregate, type, data, timestamp, tag)"""
        pick = random.Random(self.seed << 32 | number)
        rank = bisect.bisect(self.weights, pick.random() * self.weights[-1])
        category = list(self.KINDS)[rank % 4]
        kind = pick.choice(self.KINDS[category])
        data = {"number": number, "status": kind, "quantity": pick.randrange(1, 50),
                "amount": pick.randrange(100, 100_000) / 100, "currency": pick.choice(["EUR", "USD", "CHF"]),
                "note": " ".join(pick.choices(self.WORDS, k=pick.randrange(6, 52)))}
        time = 1_735_689_600 + number - (pick.randrange(3600) if pick.random() < 0.05 else 0)
        return (category, f"{category}-{rank:06}", kind, json.dumps(data, separators=(",", ":")).encode(), str(time),
                f"region-{rank % 12}")


def append_command(event):
    category, aggregate, kind, data, time, tag = event
    return ("EV.APPEND", category, aggregate, kind, data, "TIMESTAMP", time, "TAG", tag)


class Claims:
    """One line for each thing claimed; violated claims make the exit status."""

    def __init__(self):
        self.violated = 0

    def check(self, holds, claim, detail=""):
        print(f"{'ok  ' if holds else 'FAIL'}  {claim}{': ' + detail if detail else ''}", flush=True)
        self.violated += not holds

    @staticmethod
    def note(text):
        print(f"      {text}", flush=True)

    @staticmethod
    def skip(text):
        print(f"skip  {text}", flush=True)

    def end(self, daemon=None):
        if self.violated and daemon:
            print(daemon.notes()[-4000:], file=sys.stderr)
        sys.exit(1 if self.violated else 0)


def arguments(description):
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--evstored", default=os.path.join(TOP, ".build/release/evstored"), help="the daemon to try")
    parser.add_argument("--seed", type=int, default=1)
    return parser


class Folder:
    """A temporary folder that goes with its daemons, and with what was mounted in it. Short, because a socket's path
    is."""

    def __enter__(self):
        self.path = tempfile.mkdtemp(prefix="evstore-")
        self.daemons, self.mounts = [], []
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        return self

    def daemon(self, binary, settings=None, name="", data=None):
        """A daemon with files of its own where it has a name."""
        folder = os.path.join(self.path, name) if name else self.path
        os.makedirs(folder, exist_ok=True)
        daemon = Daemon(os.path.abspath(binary), folder, settings, data)
        self.daemons.append(daemon)
        return daemon

    def mount(self, name, *arguments):
        """Mounts something in the folder, as mount(8) has it. Its path; None where mounting is not permitted."""
        path = os.path.join(self.path, name)
        os.makedirs(path, exist_ok=True)
        done = subprocess.run(["mount", *arguments, path], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, check=False)
        if done.returncode:
            return None
        self.mounts.append(path)
        return path

    def unmount(self, path):
        subprocess.run(["umount", path], check=True)
        self.mounts.remove(path)

    def __exit__(self, kind, *_):
        # What is no claim that failed has its reason in the daemon's notes, which go with the folder.
        if kind and not issubclass(kind, SystemExit):
            for daemon in self.daemons:
                if daemon.process:
                    print(f"evstored: exit status {daemon.process.poll()}\n{daemon.notes()[-4000:]}", file=sys.stderr)
        for daemon in self.daemons:
            daemon.stop()
        for path in reversed(self.mounts):
            subprocess.run(["umount", path], check=False)
        shutil.rmtree(self.path, ignore_errors=True)
