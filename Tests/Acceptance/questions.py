#!/usr/bin/env python3
"""Owns: the claim that what one client asks does not keep another waiting, ends with whoever asked it, and outlives no stop.

Each thing is done over connections of an ordinary user while a bystander asks PING, reads an event and appends, with a
condition and without. What it does to the bystander is a ratio: the 99th percentile beside that of a quiet daemon in the
same run.
"""

import socket
import threading
import time

from hostile import MIB, eventually, memory, processor_seconds, raw
from store import Claims, Folder, Lost, Refused, arguments, encoded, info

# Of the quiet 99th percentile, with a floor for what the machine itself does to any answer.
FACTOR, FLOOR = 10, 0.02
PAIR = ["TAG", "even", "TAG", "odd"]
PATTERN = 'return {events={}, initial=function() return {} end, reduce=function(s,e) ' \
    's.n = ("a"):rep(40):find(("a*"):rep(30).."b") return s end}'
TAGS = 'local t = {} for i = 1, 300000 do t[i] = ("x"):rep(1000000) end ' \
    'return {events={tags=t}, initial=function() return {} end, reduce=function(s,e) return s end}'
ENDLESS = 'return {events={}, initial=function() return {} end, reduce=function(s,e) ' \
    'for i = 1, 300000 do s.n = i end return s end}'


def percentile(times):
    return sorted(times)[int(len(times) * 0.99)]


class Bystander:
    """Another client, who goes on asking."""

    QUESTIONS = {
        "PING": ("PING",),
        "EV.GET": ("EV.GET", "1"),
        "an append": ("EV.APPEND", "c", "bystander", "t", "{}"),
        "an append with a condition": ("EV.APPEND", "c", "bystander", "t", "{}", "UNLESS", "AGGREGATE", "nobody", "AFTER", "0"),
    }

    def __init__(self, claims, daemon):
        self.claims, self.daemon = claims, daemon
        self.connection = daemon.connect()
        self.quiet = self.look(2)

    def ask(self, _name, command):
        self.connection.ask(*command)

    def look(self, seconds, goes_on=lambda: True):
        times = {name: [] for name in self.QUESTIONS}
        end = time.monotonic() + seconds
        while time.monotonic() < end and (goes_on() or not times["PING"]):
            for name, command in self.QUESTIONS.items():
                begin = time.perf_counter()
                self.ask(name, command)
                times[name].append(time.perf_counter() - begin)
        return {name: percentile(of_one) for name, of_one in times.items()}

    def judge(self, label, seconds, goes_on=lambda: True, floor=FLOOR):
        for name, found in self.look(seconds, goes_on).items():
            allowed = max(FACTOR * self.quiet[name], floor)
            self.claims.check(found <= allowed, f"{label}: {name} is answered as ever",
                              f"{found * 1e3:.2f} ms at the 99th percentile, {self.quiet[name] * 1e3:.2f} when it is quiet")


class Asking(threading.Thread):
    """One question on a connection of its own."""

    def __init__(self, daemon, *command):
        super().__init__(daemon=True)
        self.connection, self.command, self.answer = daemon.connect(), command, None
        self.start()

    def run(self):
        try:
            self.answer = self.connection.ask(*self.command)
        except Refused as error:
            self.answer = str(error)
        except Lost:
            self.answer = "the connection ended"

    def goes_on(self):
        return self.answer is None

    def leave(self):
        # Merely closed, it would stay open for as long as the thread waits for its answer.
        self.connection.socket.shutdown(socket.SHUT_RDWR)
        self.join(10)
        self.connection.close()


def alternatives(count, of_one):
    words = []
    for number in range(count):
        words += (["OR"] if number else []) + of_one(number)
    return words


def fill(connection, count):
    for start in range(0, count, 5000):
        connection.send([("EV.APPEND", "c", f"a{number % 1000}", "t", "{}", "TAG", PAIR[1 + number % 2 * 2])
                         for number in range(start, start + 5000)])
        for _ in range(5000):
            connection.receive()


def conditions(claims, daemon, bystander):
    for label, words, refusal in [
        ("a condition of 1,000 equal pairs", alternatives(1000, lambda _: PAIR), None),
        ("a condition of 1,000 pairs that lie in the same blocks",
         alternatives(1000, lambda number: [*PAIR, "AGGREGATE", f"a{number}"]), None),
        ("a condition of 3,000 tags", alternatives(3000, lambda number: ["TAG", f"t{number}"]), "TOOBIG"),
    ]:
        asking = [Asking(daemon, "EV.APPEND", "c", "x", "t", "{}", "UNLESS", *words, "AFTER", "0") for _ in range(2)]
        bystander.judge(label, 3, lambda: any(one.goes_on() for one in asking))
        if refusal:
            claims.check(eventually(lambda: all(str(one.answer).startswith(refusal) for one in asking)),
                         f"{label}: it is refused with {refusal}", f"{asking[0].answer}"[:80])
        for one in asking:
            one.leave()
    pipeline = raw(daemon.socket)
    pipeline.sendall(encoded(("EV.APPEND", "c", "x", "t", "{}", "UNLESS", *PAIR, "AFTER", "0")) * 5000)
    bystander.judge("5,000 conditions in one pipeline", 3, floor=FLOOR / 2)
    pipeline.close()
    time.sleep(1)
    spent = processor_seconds(daemon)
    time.sleep(2)
    claims.check(processor_seconds(daemon) - spent < 0.5, "conditions: nobody goes on with what nobody waits for",
                 f"{processor_seconds(daemon) - spent:.2f} s of processor in 2 s")


def folds(claims, daemon, bystander):
    for label, source in [("a pattern that backtracks", PATTERN), ("300,000 names of 1 MB in a reducer", TAGS),
                          ("a reducer that takes its time", ENDLESS)]:
        before = memory(daemon, "VmHWM")
        asking = [Asking(daemon, "EV.FOLD", "LUA", source) for _ in range(2)]
        bystander.judge(label, 3, lambda: any(one.goes_on() for one in asking))
        grown = memory(daemon, "VmHWM") - before
        claims.check(grown < 192 * MIB, f"{label}: memory stays within what two sources may take", f"{grown / MIB:.0f} MiB more")
        for one in asking:
            one.leave()
        other = Asking(daemon, "EV.COUNT", "TYPE", "t")
        claims.check(eventually(lambda: isinstance(other.answer, int), 5), f"{label}: readers are free when they have gone",
                     f"{other.answer}")


def counts(claims, daemon):
    words = alternatives(1000, lambda number: [*PAIR, "AGGREGATE", f"a{number}"])
    for _ in range(4):
        connection = raw(daemon.socket)
        connection.sendall(encoded(["EV.COUNT", *words]) + encoded(["PING"]))
        time.sleep(0.1)
        connection.close()
    time.sleep(1)
    spent = processor_seconds(daemon)
    time.sleep(2)
    claims.check(processor_seconds(daemon) - spent < 0.5, "counts: they end with their connections",
                 f"{processor_seconds(daemon) - spent:.2f} s of processor in 2 s")


def blocked(claims, daemon, count):
    words = alternatives(500, lambda number: ["TAG", f"{number}" + "x" * 250])
    connection = daemon.connect()
    def rounds(number):
        for _ in range(number):
            connection.ask("EV.READ", *words, "BLOCK", "1")
    rounds(count // 4)
    before = memory(daemon)
    rounds(count)
    grown = memory(daemon) - before
    claims.check(grown < 16 * MIB, f"{count} reads that blocked for nothing leave nothing behind", f"{grown / MIB:.1f} MiB more")
    connection.close()


def subscriptions(claims, daemon, bystander, count):
    connection = daemon.connect(3)
    for _ in range(count // 1000):
        connection.send([("EV.SUBSCRIBE", "TYPE", "none")] * 1000)
        for _ in range(1000):
            connection.receive()
    connection.close()
    bystander.judge(f"the end of {count} subscriptions", 2)
    claims.check(eventually(lambda: info(bystander.connection)["subscriptions"] == "0", 10),
                 "subscriptions: all are gone with their connection")


def stop(claims, daemon):
    words = alternatives(1000, lambda number: [*PAIR, "AGGREGATE", f"a{number}"])
    Asking(daemon, "EV.COUNT", *words)
    Asking(daemon, "EV.FOLD", "LUA", ENDLESS)
    Asking(daemon, "EV.APPEND", "c", "x", "t", "{}", "UNLESS", *words, "AFTER", "0")
    Asking(daemon, "EV.VERIFY")
    time.sleep(0.3)
    begin = time.monotonic()
    status = daemon.stop()
    claims.check(status == 0 and time.monotonic() - begin < 5, "a stop in the midst of all ends within five seconds",
                 f"status {status} after {time.monotonic() - begin:.1f} s")


def main():
    parser = arguments("Ask what takes long, and look how others fare.")
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--subscriptions", type=int, default=90_000)
    parser.add_argument("--blocked", type=int, default=200)
    options = parser.parse_args()
    claims = Claims()
    with Folder() as folder:
        daemon = folder.daemon(options.evstored, {"EVSTORED_SEGMENT_BYTES": str(16 * MIB)})
        daemon.start()
        fill(daemon.connect(), options.events)
        bystander = Bystander(claims, daemon)
        conditions(claims, daemon, bystander)
        folds(claims, daemon, bystander)
        counts(claims, daemon)
        blocked(claims, daemon, options.blocked)
        subscriptions(claims, daemon, bystander, options.subscriptions)
        stop(claims, daemon)
    claims.end()


if __name__ == "__main__":
    main()
