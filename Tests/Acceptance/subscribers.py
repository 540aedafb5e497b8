#!/usr/bin/env python3
"""Owns: the claim that each subscriber gets exactly what it asked for, in order, whatever goes on meanwhile.

Subscribers with different filters start at different moments of an import, from different positions, while segments are
rolled and compacted under them.
"""

import random
import socket
import threading
import time

from store import Claims, Events, Folder, Lost, append_command, arguments, event_map, info, roll, wait_until_sealed

BATCH = 256


def filters(events, pick):
    """A filter as arguments and as a predicate over (category, aggregate, type, data, timestamp, tag)."""
    sample = [events(number) for number in range(1, 2000)]
    category, kind = pick.choice(list(events.KINDS.items()))
    aggregate = pick.choice(sample)[1]
    types = pick.sample(kind, 2)
    tag = f"region-{pick.randrange(12)}"
    return pick.choice([
        ([], lambda event: True),
        (["CATEGORY", category], lambda event: event[0] == category),
        (["AGGREGATE", aggregate], lambda event: event[1] == aggregate),
        (["CATEGORY", category, "TAG", tag], lambda event: event[0] == category and event[5] == tag),
        (["TYPE", types[0], "TYPE", types[1]], lambda event: event[2] in types),
        (["TAG", tag, "OR", "AGGREGATE", aggregate], lambda event: event[5] == tag or event[1] == aggregate),
        (["CATEGORY", category, "TYPE", types[0], "OR", "TAG", tag],
         lambda event: event[0] == category and event[2] == types[0] or event[5] == tag),
    ])


class Subscriber(threading.Thread):
    def __init__(self, daemon, events, pick, total):
        super().__init__(daemon=True)
        self.arguments, self.matches = filters(events, pick)
        self.begins = pick.randrange(total)
        # No event is begun with that nobody has appended.
        self.first = 1 if pick.random() < 0.5 else pick.randrange(1, self.begins + 2)
        self.store, self.received, self.failure = daemon, [], None
        self.connection = None

    def begin(self):
        self.connection = self.store.connect(version=3)
        self.connection.socket.settimeout(None)
        self.connection.send([["EV.SUBSCRIBE", *self.arguments, "FROM", self.first]])
        self.start()

    def run(self):
        try:
            while True:
                answer = self.connection.receive()
                if isinstance(answer, list) and answer[0] == b"ev.event":
                    event = event_map(answer[2])
                    self.received.append((event["event_id"], event["data"]))
                elif not isinstance(answer, int):
                    self.failure = str(answer)
        except (Lost, OSError, ValueError):
            return

    def end(self):
        # Shut down first: a close alone does not wake a thread that reads.
        self.connection.socket.shutdown(socket.SHUT_RDWR)
        self.connection.close()


def main():
    parser = arguments("Many subscribers during an import, with compaction under them.")
    parser.add_argument("--events", type=int, default=40_000)
    parser.add_argument("--subscribers", type=int, default=50)
    options = parser.parse_args()
    claims, events, pick = Claims(), Events(options.seed, aggregates=2000), random.Random(options.seed)

    with Folder() as folder:
        daemon = folder.daemon(options.evstored, {"EVSTORED_SEGMENT_BYTES": str(1 << 20)})
        daemon.start()
        connection = daemon.connect()
        admin = daemon.connect()
        everyone = [Subscriber(daemon, events, pick, options.events) for _ in range(options.subscribers)]
        waiting = sorted(everyone, key=lambda subscriber: subscriber.begins)
        sent = [None]
        compactions = [options.events * part // 4 for part in (1, 2, 3)]
        while len(sent) <= options.events:
            first = len(sent)
            batch = [events(number) for number in range(first, min(first + BATCH, options.events + 1))]
            connection.send([append_command(event) for event in batch])
            for _ in batch:
                if connection.receive() != len(sent):
                    raise SystemExit("FAIL  an append was refused, or ids have a gap")
                sent.append(batch[len(sent) - first])
            while waiting and waiting[0].begins < len(sent):
                waiting.pop(0).begin()
            if compactions and len(sent) > compactions[0]:
                compactions.pop(0)
                roll(admin)
                claims.note(f"at event {len(sent) - 1}: {admin.ask('EV.COMPACT').decode()}")
        for subscriber in waiting:
            subscriber.begin()

        expected = {}
        for subscriber in everyone:
            expected[subscriber] = [(number, sent[number][3]) for number in range(subscriber.first, len(sent))
                                    if subscriber.matches(sent[number])]
        deadline = time.monotonic() + 240
        while time.monotonic() < deadline and any(len(one.received) < len(expected[one]) for one in everyone):
            time.sleep(0.1)

        wait_until_sealed(admin)
        before = daemon.log_bytes()
        admin.ask("EV.COMPACT")
        after = daemon.log_bytes()
        time.sleep(0.5)
        exact = 0
        for one in everyone:
            if one.received == expected[one] and one.failure is None:
                exact += 1
            else:
                claims.note(f"{one.arguments} FROM {one.first}, begun at {one.begins}: {len(one.received)} of "
                            f"{len(expected[one])} events, {one.failure}")
        claims.check(exact == len(everyone), "each subscriber received exactly the matching events, in order",
                     f"{exact} of {len(everyone)}, {sum(map(len, expected.values()))} events")
        claims.check(after[1] <= before[1] and after[0] <= before[0], "compaction leaves fewer, smaller-in-sum segments",
                     f"{before[1]} of {before[0]} bytes, then {after[1]} of {after[0]} bytes")
        claims.check(info(admin)["state"] == "ok", "the store is well")
        for one in everyone:
            one.end()
        claims.check(daemon.stop() == 0, "a stop ends with status 0")
        claims.end(daemon)


if __name__ == "__main__":
    main()
