#!/usr/bin/env python3
"""Owns: the claim that nothing acknowledged is lost, and nothing else is there, whenever the daemon is killed.

Clients of every kind append at once: alone, pipelined, in transactions, with IDs that they send again after the crash. In
the middle the daemon is killed: at any moment, right after it was told to roll, seal, compact or take snapshots, or while
it recovers from the kill before. The oracle then judges what is there. With `--signal TERM` it is asked to end instead,
and must have answered all that it appended.

This proves recovery after a crash of the process. A power cut is the simulated disk's business.
"""

import json
import os
import random
import signal
import statistics
import threading
import time

from appenders import Client, Sources, entries
from oracle import Oracle
from segments import frames, proven
from store import Claims, Folder, Lost, Refused, arguments, info

PROJECTIONS = ["order_counts", "user_activity", "inventory_levels"]
# Depth, events a unit, whether with IDs.
SHAPES = [(1, 1, False), (16, 1, False), (256, 1, False), (4, 8, False), (1, 40, False), (8, 1, True), (64, 1, True),
          (3, 5, True)]
# What the daemon is doing when it is killed; the commands come from a connection of their own.
MOMENTS = {"any": [], "roll": ["EV.ROLL"], "seal": ["EV.ROLL"], "snapshot": ["EV.SNAPSHOT"],
           "compaction": ["EV.ROLL", "EV.COMPACT"], "recovery": []}
# Small, so that the log rolls, seals, merges and takes snapshots as often between two kills as a large one in a month.
SETTINGS = {
    "EVSTORED_SEGMENT_BYTES": str(1 << 20),
    "EVSTORED_COMPACTION_BYTES": str(8 << 20),
    "EVSTORED_COMPACTION_LEVEL": "1",
    "EVSTORED_SEGMENT_SEALING_LEVEL": "1",
    "EVSTORED_SNAPSHOTS_EVERY_EVENTS": "2000",
}


class Upkeep(threading.Thread):
    """Has the daemon do what it would do by itself at a less interesting time."""

    def __init__(self, daemon, pick):
        super().__init__(daemon=True)
        self.connection = daemon.connect()
        self.pauses = [pick.uniform(0.01, 0.08) for _ in range(50)]
        self.commands = pick.choices(["EV.ROLL", "EV.SNAPSHOT", "EV.COMPACT"], [4, 2, 1], k=50)

    def run(self):
        try:
            for pause, command in zip(self.pauses, self.commands):
                time.sleep(pause)
                self.connection.send([[command]])
                self.connection.receive()
        except (Lost, OSError):
            pass


class Trial:
    def __init__(self, claims, daemon, options):
        self.claims, self.daemon, self.options = claims, daemon, options
        self.pick = random.Random(options.seed)
        self.sources, self.oracle = Sources(options.seed), Oracle()
        self.again = [[] for _ in SHAPES]
        self.next_events = [0] * len(SHAPES)
        self.first_answers, self.ends = [], []
        self.in_recovery = self.unannounced = self.strange = 0
        self.moments = dict.fromkeys(MOMENTS, 0)

    def life(self, moment):
        """From one start to the next: appends, an end, a start. Returns the units of each client."""
        clients = [Client(self.daemon.socket, self.sources, number, *shape, next_event=self.next_events[number],
                          again=self.again[number]) for number, shape in enumerate(SHAPES)]
        upkeep, commander = Upkeep(self.daemon, self.pick), self.daemon.connect()
        for thread in (*clients, upkeep):
            thread.start()
        time.sleep(self.pick.uniform(0.0, 0.25))
        commander.send([[command] for command in MOMENTS[moment]])
        # A roll ends within a millisecond or two; sealing begins with it, and takes longer.
        time.sleep(self.pick.uniform(0, {"any": 0, "roll": 0.003}.get(moment, 0.03)))
        self.end()
        for thread in (*clients, upkeep):
            thread.join(60)
        for client in clients:
            if client.failure or client.is_alive():
                raise SystemExit(f"FAIL  a client did not end as it should: {client.failure}")
            # An error that is neither FAILED nor the end of the connection is none that a sound store gives here.
            self.strange += sum(not text.startswith("FAILED") for text in client.errors)
            self.next_events[client.number] = client.next_event
        commander.close()
        self.moments[moment] += 1
        return [client.life + client.again for client in clients]

    def end(self):
        if self.options.signal == "KILL":
            self.daemon.kill()
            return
        begin = time.monotonic()
        self.daemon.process.send_signal(signal.SIGTERM)
        status = self.daemon.ended()
        self.ends.append(time.monotonic() - begin)
        if status != 0:
            self.claims.check(False, "a stop ends with status 0", f"{status}")

    def interrupt_recovery(self):
        """Starts the daemon and ends it before its first answer."""
        self.daemon.spawn()
        lock = os.path.join(self.daemon.data, "LOCK")
        while self.daemon.process.poll() is None and not holds(self.daemon.process.pid, lock):
            time.sleep(0.0005)
        typical = statistics.median(self.first_answers) if self.first_answers else 0.03
        time.sleep(self.pick.uniform(0, typical / 2))
        has_answered = self.daemon.answers()
        self.end()
        self.in_recovery += not has_answered

    def start(self):
        seconds = self.daemon.start()
        self.first_answers.append(seconds)
        return self.daemon.connect()

    def run(self, index):
        moment = self.pick.choice(list(MOMENTS))
        lives = self.life(moment)
        kills = 1
        if moment == "recovery":
            for _ in range(self.pick.randrange(1, 3)):
                self.interrupt_recovery()
                kills += 1
        if self.options.sabotage:
            zero_last_frames(self.daemon)
        connection = self.start()
        try:
            tail = connection.ask("EV.COUNT")
        except Refused as error:
            # What is lost in the midst of the log is told, and nothing behind it can be judged.
            self.claims.check(False, "no acknowledged event is lost", f"life {index}, {moment}: {error}")
            self.claims.end(self.daemon)
        figures = info(connection)
        before = len(self.oracle.violations)
        if int(figures["last_id"]) != tail or figures["state"] != "ok" or figures["damaged"]:
            self.oracle.violations.append(f"{tail} events, and EV.INFO says {figures['state']}, {figures['last_id']}, "
                                          f"damaged {figures['damaged']!r}")
        self.again, unannounced = self.oracle.judge(lives, entries(connection, self.oracle.tail, tail))
        if self.oracle.tail != tail:
            self.oracle.violations.append(f"{self.oracle.tail} events can be read, of {tail}")
        self.unannounced += unannounced
        for violation in self.oracle.violations[before:before + 5]:
            self.claims.note(f"life {index}, {moment}: {violation}")
        connection.close()
        return kills

    def look_closely(self, label):
        """Every byte, and every projection against a rebuild."""
        connection = self.daemon.connect()
        tail = connection.ask("EV.COUNT")
        report = json.loads(connection.ask("EV.VERIFY"))
        clean = not report["damaged"] and not report["problems"] and report["events"] == tail
        self.claims.check(clean, f"{label}: EV.VERIFY is clean", f"{report['events']} events, {report['problems']}")
        before = projections(connection)
        for name in PROJECTIONS:
            connection.ask("EV.REBUILD", name)
        self.claims.check(before == projections(connection), f"{label}: projections equal a rebuild")
        connection.close()

    def look_at_all(self):
        """The whole log once more, and the projections as the reference model computes them from it."""
        connection = self.daemon.connect()
        expected = reference(event for _, event in
                             self.oracle.same_again(entries(connection, 0, self.oracle.tail + 1)))
        states = projections(connection)
        same = all(json.loads(states[name])["state"] == expected[name] for name in PROJECTIONS)
        self.claims.check(same, "projections equal what the reference model computes", f"from {self.oracle.tail} events")


def holds(pid, path):
    try:
        return any(os.path.realpath(f"/proc/{pid}/fd/{name}") == os.path.realpath(path)
                   for name in os.listdir(f"/proc/{pid}/fd"))
    except OSError:
        return False


def zero_last_frames(daemon):
    """What a disk does that forgets what it said was written; what the manifest proves would be told."""
    path = daemon.files(".active")[-1]
    known = proven(os.path.join(daemon.data, "manifest"), path)
    with open(path, "r+b") as file:
        for frame in [frame for frame in frames(path) if frame.offset >= known][-4:]:
            file.seek(frame.offset)
            file.write(bytes(frame.end - frame.offset))


def projections(connection):
    """All of them, once they have reached the tail."""
    states = {}
    for name in PROJECTIONS:
        for _ in range(60):
            try:
                states[name] = connection.ask("EV.PROJECTION", name)
                break
            except Refused as error:
                if not str(error).startswith("LAGGING"):
                    raise
    return states


def reference(events):
    """What the reference model's projections make of the same events."""
    orders, users, products = {}, {}, {}
    for category, aggregate, kind, data, *_ in events:
        aggregate, kind = aggregate.decode(), kind.decode()
        if category == b"user":
            user = users.setdefault(aggregate, {"event_count": 0, "last_event": ""})
            user["event_count"] += 1
            user["last_event"] = kind
        elif category in (b"order", b"inventory"):
            data = json.loads(data)
            if category == b"order":
                orders[data["status"]] = orders.get(data["status"], 0) + 1
            elif kind == "stock_added":
                products[aggregate] = products.get(aggregate, 0) + data["quantity"]
            else:
                products[aggregate] = max(0, products.get(aggregate, 0) - data["quantity"])
    return {"order_counts": {"by_status": orders}, "user_activity": {"users": users},
            "inventory_levels": {"products": products}}


def milliseconds(seconds):
    return f"median {statistics.median(seconds) * 1000:.0f} ms, slowest {max(seconds) * 1000:.0f} ms"


def main():
    parser = arguments("End the daemon under load, again and again, and judge what is there.")
    parser.add_argument("--kills", type=int, default=15)
    parser.add_argument("--signal", choices=["KILL", "TERM"], default="KILL")
    parser.add_argument("--look-every", type=int, default=25, help="lives between two checks of every byte")
    parser.add_argument("--sabotage", action="store_true", help="lose the last frames after each kill: this must fail")
    options = parser.parse_args()
    claims = Claims()

    with Folder() as folder:
        daemon = folder.daemon(options.evstored, SETTINGS)
        trial = Trial(claims, daemon, options)
        claims.note(f"{options.kills} SIG{options.signal}s among {len(SHAPES)} clients, seed {options.seed}")
        daemon.start()
        kills = lives = 0
        while kills < options.kills and len(trial.oracle.violations) < 20:
            kills += trial.run(lives)
            lives += 1
            if lives % options.look_every == 0:
                trial.look_closely(f"after {kills}")
        trial.look_closely("at the end")
        claims.check(daemon.stop() == 0, "the last stop ends with status 0")
        daemon.start()
        trial.look_at_all()

        oracle = trial.oracle
        claims.note(f"{kills} SIG{options.signal}s in {lives} lives: "
                    + ", ".join(f"{count} {moment}" for moment, count in trial.moments.items()))
        claims.check(oracle.lost == 0, "no acknowledged event is lost", f"{oracle.lost} of {oracle.acknowledged}")
        claims.check(not oracle.violations, "the log holds what was sent, whole, once, in order, with the ids acknowledged",
                     f"{oracle.tail} events, {len(oracle.violations)} objections")
        claims.check(trial.strange == 0, "no client got another error than FAILED", f"{trial.strange} errors")
        if options.signal == "TERM":
            claims.check(trial.unannounced == 0, "all that was appended had been answered", f"{trial.unannounced} not")
            claims.note(f"from the signal to the end: {milliseconds(trial.ends)}")
        claims.note(f"{trial.in_recovery} came before the first answer; "
                    f"first answer after a start: {milliseconds(trial.first_answers)}")
        claims.end(daemon)


if __name__ == "__main__":
    main()
