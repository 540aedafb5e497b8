#!/usr/bin/env python3
"""Owns: the claim that connections leave nothing behind, for however long they come and go.

Rounds of connecting, asking, blocking, subscribing, cancelling, leaving half commands and open transactions behind, and
dying in the middle of answers and pushes. Between rounds, when only the observer is connected, the allocator is asked how
much is in use (used_memory of INFO). With --heap DIR the daemon runs on jemalloc, which samples who has allocated what is
in use, and writes it down every GiB that is allocated and at the end: two of the files compared (jeprof --text --base) name
what has grown. What is in use is then not known otherwise.
"""

import glob
import os
import random
import time

from hostile import MIB, eventually, raw
from store import Claims, Folder, arguments, encoded, info, roll

REDUCERS = {
    "counting": "return {initial = function() return {n = 0} end, reduce = function(s, e) s.n = s.n + 1 return s end}",
    "slow": "return {initial = function() return {n = 0} end, "
            "reduce = function(s, e) for i = 1, 20000 do s.n = i end return s end}",
}
FILTER = [word for number in range(300) for word in (["OR"] if number else []) + ["TAG", f"tag-{number:0240}"]]
APPEND = ("EV.APPEND", "c", "a", "t", '{"p":"' + "x" * 200 + '"}')


class Round:
    def __init__(self, daemon, pick):
        self.daemon, self.pick = daemon, pick

    def sent(self, *command, times=1):
        """A connection that asks and reads nothing, to be left."""
        connection = raw(self.daemon.socket)
        connection.sendall(encoded(command) * times)
        return connection

    def run(self):
        left = []
        # Gone before they are answered, or known.
        for _ in range(100):
            self.sent("PING").close()
        for _ in range(20):
            connection = self.daemon.connect(self.pick.choice((2, 3)))
            for command in [("PING",), ("EV.GET", "1"), ("EV.COUNT", "TAG", "none"), ("EV.WHOAMI",), ("NONSENSE",)]:
                connection.send([command])
                connection.receive()
            connection.close()
        for _ in range(10):
            left.append(self.sent("EV.READ", *FILTER, "AFTER", "$", "BLOCK", "0"))
            left.append(self.sent("EV.READ", "COUNT", "1000", times=5))
            left.append(self.sent("EV.FOLD", "REDUCER", "slow"))
            left.append(self.sent("EV.PROJECTION", "counting", times=3))
            left.append(self.sent("EV.APPEND", "c", "b", "t", "{}", "UNLESS", *FILTER, "AFTER", "0", times=5))
            left.append(self.half())
        subscribers = []
        for _ in range(5):
            subscriber = self.daemon.connect(3)
            subscriber.send([("EV.SUBSCRIBE", "FROM", "1")] * 5 + [("EV.SUBSCRIBE", *FILTER)] * 5 + [("EV.UNSUBSCRIBE", "3")])
            subscribers.append(subscriber)
        writer = self.daemon.connect()
        for _ in range(20):
            writer.send([APPEND])
            writer.receive()
        writer.send([("MULTI",), APPEND, APPEND])
        time.sleep(self.pick.random() * 0.2)
        self.pick.shuffle(left)
        for connection in left:
            connection.close()
        for subscriber in subscribers + [writer]:
            subscriber.close()

    def half(self):
        connection = raw(self.daemon.socket)
        connection.sendall(encoded(APPEND)[:-100])
        return connection


def used(connection):
    text = connection.ask("INFO", "memory").decode()
    return next(int(line.split(":")[1]) for line in text.splitlines() if line.startswith("used_memory:"))


def main():
    parser = arguments("Connections that come and go, for long.")
    parser.add_argument("--seconds", type=float, default=1200)
    parser.add_argument("--heap", help="a folder for jemalloc's profiles")
    options = parser.parse_args()
    claims, pick = Claims(), random.Random(options.seed)
    with Folder() as folder:
        reducers = os.path.join(folder.path, "reducers")
        os.mkdir(reducers)
        for name, text in REDUCERS.items():
            with open(os.path.join(reducers, name + ".lua"), "w") as file:
                file.write(text)
        settings = {"EVSTORED_REDUCERS_DIRECTORY": reducers, "EVSTORED_PROJECTIONS": "counting",
                    "EVSTORED_SEGMENT_BYTES": str(1 * MIB), "EVSTORED_CACHE_BYTES": str(1 * MIB)}
        if options.heap:
            os.makedirs(options.heap, exist_ok=True)
            settings["LD_PRELOAD"] = (glob.glob("/usr/lib/*/libjemalloc.so.2") or [""])[0]
            settings["MALLOC_CONF"] = f"prof:true,prof_final:true,lg_prof_sample:12,lg_prof_interval:30,prof_prefix:{options.heap}/evstored"
        daemon = folder.daemon(options.evstored, settings)
        daemon.start()
        observer = daemon.connect()
        for _ in range(2000):
            observer.send([APPEND])
            observer.receive()
        begin, next_look, looks, rounds = time.monotonic(), 0, [], 0
        while time.monotonic() - begin < options.seconds:
            Round(daemon, pick).run()
            rounds += 1
            elapsed = time.monotonic() - begin
            if elapsed >= next_look:
                if not eventually(lambda: info(observer)["connections"] == "1" and
                                  info(observer)["readers_working"] == "0", 30):
                    claims.check(False, "all who have gone are gone", info(observer)["connections"])
                roll(observer)
                eventually(lambda: info(observer)["seal_backlog_bytes"] == "0")
                # A segment has its place in memory, and is none of a connection's.
                observer.ask("EV.COMPACT")
                looks.append(used(observer))
                claims.note(f"{elapsed:5.0f} s, {rounds} rounds: {looks[-1] / MIB:.2f} MiB in use")
                next_look = elapsed + options.seconds / 20
        figures = info(observer)
        for gauge in ("buffer_bytes_in", "buffer_bytes_out", "buffer_waiting", "readers_waiting", "subscriptions"):
            claims.check(figures[gauge] == "0", f"{gauge} is 0 in the end", figures[gauge])
        # The first fifth makes what is kept: caches, threads, the allocator's own.
        early, late = looks[len(looks) // 5:][:5], looks[-5:]
        grown = min(late) - min(early)
        if options.heap:
            claims.note(f"profiles: {', '.join(sorted(os.listdir(options.heap)))}")
        else:
            claims.check(grown < MIB, f"after {rounds} rounds as much is in use as after the first",
                         f"{grown / 1024:+.0f} KiB, {grown / max(rounds, 1):+.0f} bytes a round")
        claims.check(daemon.stop() == 0, "a stop ends with status 0")
        claims.end(daemon)


if __name__ == "__main__":
    main()
