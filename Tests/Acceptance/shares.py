#!/usr/bin/env python3
"""Owns: the claim that users share the daemon: what one of them asks, and does not read, costs another neither its answers
nor its room, and those who ask for much have equal parts.

Each thing is done over connections of one ordinary user while another asks PING, reads an event and a state, and appends.
Needs root, to be several users.
"""

import contextlib
import os
import socket
import threading
import time

from hostile import MIB, eventually, memory, raw, reset_peak
from questions import FACTOR, FLOOR, Bystander, alternatives
from store import Claims, Connection, Folder, Lost, Refused, arguments, encoded, info

GREEDY, OTHER = 65534, 65533
REDUCERS = {
    # About as large as its events.
    "keeping": "return {initial = function() return {} end, "
               "reduce = function(s, e) s[e.aggregate_id] = e.data.p or 0 return s end}",
    "slow": "return {initial = function() return {n = 0} end, "
            "reduce = function(s, e) for i = 1, 20000 do s.n = i end return s end}",
}
BUDGET = 64 * MIB


@contextlib.contextmanager
def being(user):
    """What is connected meanwhile is connected by that user."""
    os.seteuid(user)
    try:
        yield
    finally:
        os.seteuid(0)


class Other(Bystander):
    """The other user. Beside what every bystander asks for, it asks for a state, appends with a condition that is looked up off
    the writer, and follows what it appends."""

    PUSH = "the push of an append"
    QUESTIONS = dict(Bystander.QUESTIONS, **{
        "EV.STATE": ("EV.STATE", "few", "REDUCER", "keeping"),
        "an append with 300 names in its condition":
            ("EV.APPEND", "c", "bystander", "t", "{}", "UNLESS", *alternatives(300, lambda number: ["TAG", f"t{number}"]), "AFTER", "0"),
        PUSH: ("EV.APPEND", "followed", "bystander", "t", "{}"),
    })

    def __init__(self, claims, daemon):
        with being(OTHER):
            self.following = Connection(daemon.socket, 3)
            self.following.ask("EV.SUBSCRIBE", "CATEGORY", "followed")
            super().__init__(claims, daemon)

    def ask(self, name, command):
        super().ask(name, command)
        if name == self.PUSH:
            self.following.receive()


def data(size):
    return '{"p":"' + "x" * (size - 8) + '"}'


def fill(connection, category, count, size, aggregates):
    text = data(size)
    for start in range(0, count, 500):
        batch = range(start, min(start + 500, count))
        connection.send([("EV.APPEND", category, f"{category}-{number % aggregates}", "t", text) for number in batch])
        for _ in batch:
            connection.receive()


class Greedy:
    """Connections of the greedy user, each with something that it asks and does not read."""

    def __init__(self, daemon, count, *command, times=1, before=()):
        with being(GREEDY):
            self.connections = [raw(daemon.socket) for _ in range(count)]
        for connection in self.connections:
            connection.sendall(b"".join(map(encoded, before)) + encoded(command) * times)

    def leave(self):
        for connection in self.connections:
            connection.close()


def row(claims, daemon, other, label, greedy, seconds=3):
    """Judges how the other user is served meanwhile, and what it takes."""
    # Let it begin.
    time.sleep(0.3)
    other.judge(label, seconds)
    figures = info(other.connection)
    claims.note(f"{label}: {figures['readers_working']} questions worked on, {figures['readers_waiting']} wait, "
                f"{int(figures['buffer_bytes_out']) / MIB:.0f} MiB for answers, {figures['buffer_waiting']} wait for room")
    greedy.leave()
    left = eventually(lambda: info(other.connection)["buffer_bytes_out"] == "0" and
                      info(other.connection)["readers_working"] == "0", 20)
    claims.check(left, f"{label}: nothing is left of it when it has gone")


def unread(claims, daemon, other, bound):
    before = reset_peak(daemon)
    row(claims, daemon, other, "100 connections that read and do not read the answers",
        Greedy(daemon, 100, "EV.READ", "CATEGORY", "large", "COUNT", "1000", times=3))
    row(claims, daemon, other, "30 folds whose answers are not read",
        Greedy(daemon, 30, "EV.FOLD", "REDUCER", "keeping", "CATEGORY", "large"), 5)
    row(claims, daemon, other, "500 slow folds", Greedy(daemon, 500, "EV.FOLD", "REDUCER", "slow"))
    grown = memory(daemon, "VmHWM") - before
    claims.check(grown <= bound, "memory stays within what is configured, and 64 MiB", f"{grown / MIB:.0f} MiB more")


def following(claims, daemon, other):
    """Subscriptions that look at each event for a thousand names, and find it never."""
    pairs = alternatives(1000, lambda number: ["CATEGORY", "few", "AGGREGATE", f"large-{number}"])
    row(claims, daemon, other, "100 subscriptions with 1,000 alternatives that catch up",
        Greedy(daemon, 100, "EV.SUBSCRIBE", *pairs, "FROM", "1", before=[("HELLO", "3")]))
    row(claims, daemon, other, "a hundred pipelines of conditions that look at everything",
        Greedy(daemon, 100, "EV.APPEND", "c", "x", "t", "{}", "UNLESS", *pairs, "AFTER", "0", times=10))
    held = [Greedy(daemon, 1000, "PING"), Greedy(daemon, 50, "CLIENT", "LIST", times=20)]
    other.judge("CLIENT LIST with a thousand connections", 3)
    for greedy in held:
        greedy.leave()


def rebuilding(claims, daemon, other):
    with being(GREEDY):
        projections = [Connection(daemon.socket) for _ in range(30)]
    daemon.connect().ask("EV.REBUILD", "slow")
    for connection in projections:
        connection.send([("EV.PROJECTION", "slow")])
    other.judge("30 wait for a projection in its rebuild", 3)
    claims.check(info(other.connection)["readers_working"] == "0", "those who wait for a projection hold no reader")
    for connection in projections:
        connection.close()


def upkeep(claims, daemon, other):
    """What operators have done to the store."""
    askers = [daemon.connect() for _ in range(12)]
    for number, asker in enumerate(askers):
        asker.send([("EV.COMPACT",) if number % 4 == 3 else ("EV.VERIFY",)])
    other.judge("10 verifications and compactions", 3)
    for asker in askers:
        asker.close()


def shares(claims, daemon, users, folds):
    """Each of the users asks for so many folds on as many connections; what they get in a while is counted."""
    done = {user: 0 for user in range(61000, 61000 + users)}
    end = time.monotonic() + 20

    def ask(user, connection):
        with contextlib.suppress(Lost, Refused, OSError):
            while time.monotonic() < end:
                connection.ask("EV.FOLD", "REDUCER", "slow", "AGGREGATE", "few-1")
                done[user] += 1

    threads = []
    for user in done:
        for _ in range(folds):
            with being(user):
                connection = Connection(daemon.socket)
            threads.append(threading.Thread(target=ask, args=(user, connection), daemon=True))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    mean = sum(done.values()) / users
    worst = max(abs(count - mean) / mean for count in done.values())
    claims.check(worst <= 0.2, f"{users} users with {folds} folds each have equal shares",
                 f"{min(done.values())} to {max(done.values())} folds each, {worst:.0%} from the mean at most")


def stop(claims, daemon):
    """A stop in the midst of all of that."""
    held = [Greedy(daemon, 50, "EV.FOLD", "REDUCER", "slow"),
            Greedy(daemon, 50, "EV.READ", "CATEGORY", "large", "COUNT", "1000", times=3),
            Greedy(daemon, 10, "EV.FOLD", "REDUCER", "keeping", "CATEGORY", "large")]
    daemon.connect().send([("EV.VERIFY",)])
    time.sleep(1)
    begin = time.monotonic()
    status = daemon.stop()
    claims.check(status == 0 and time.monotonic() - begin < 5, "a stop in the midst of all ends within five seconds",
                 f"status {status} after {time.monotonic() - begin:.1f} s")
    del held


def main():
    parser = arguments("Users who share the daemon.")
    parser.add_argument("--events", type=int, default=200_000, help="small events that slow folds go through")
    parser.add_argument("--state", type=int, default=24, help="MiB of the large state")
    options = parser.parse_args()
    claims = Claims()
    if os.getuid() != 0:
        claims.skip("not root, so there are no two users")
        return claims.end()
    with Folder() as folder:
        os.chmod(folder.path, 0o755)
        reducers = os.path.join(folder.path, "reducers")
        os.mkdir(reducers)
        for name, text in REDUCERS.items():
            with open(os.path.join(reducers, name + ".lua"), "w") as file:
                file.write(text)
        settings = {"EVSTORED_SOCKET_MODE": "0666", "EVSTORED_LIMITS_BUFFER_BYTES": str(BUDGET),
                    "EVSTORED_REDUCERS_DIRECTORY": reducers, "EVSTORED_PROJECTIONS": "slow",
                    "EVSTORED_SEGMENT_BYTES": str(16 * MIB)}
        daemon = folder.daemon(options.evstored, settings)
        daemon.start()
        owner = daemon.connect()
        fill(owner, "few", options.events, 40, 1000)
        fill(owner, "large", options.state * 4, 256 << 10, options.state * 4)
        owner.ask("EV.APPEND", "c", "few", "t", "{}")
        other = Other(claims, daemon)
        claims.note(f"allowed is {FACTOR} times the quiet 99th percentile, or {FLOOR * 1e3:.0f} ms")
        # The budget, and beyond it what each of the questions that are worked on may have of its own.
        unread(claims, daemon, other, BUDGET + 3 * 3 * options.state * MIB + 64 * MIB)
        following(claims, daemon, other)
        rebuilding(claims, daemon, other)
        upkeep(claims, daemon, other)
        shares(claims, daemon, 10, 10)
        stop(claims, daemon)
        claims.end(daemon)


if __name__ == "__main__":
    main()
