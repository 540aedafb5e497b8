#!/usr/bin/env python3
"""Owns: EV.GET beside Redis' GET, one connection with 1, 16 and 256 questions in flight, in turn: from a raw segment and from a
sealed one. Redis' values are as long as an answer to EV.GET."""

import argparse
import os
import statistics

from peer_redis import Redis, benchmark
from store import TOP, Claims, Events, Folder, append_command, encoded, wait_until_sealed

DEPTHS = [1, 16, 256]
QUESTIONS = {1: 30_000, 16: 300_000, 256: 600_000}


def rate(socket, depth, events, *command):
    return benchmark(socket, "-c", 1, "-P", depth, "-n", QUESTIONS[depth], "-r", events, *command)["per_s"]


def fill(daemon, redis, events):
    """Appends so many events, and sets as many keys to values of the same length on the wire."""
    source, connection = Events(seed=10), daemon.connect()
    for start in range(0, events, 1000):
        connection.send([append_command(source(number)) for number in range(start, min(start + 1000, events))])
        for _ in range(start, min(start + 1000, events)):
            connection.receive()
    connection.send([["EV.GET", str(events // 2)]])
    value = b"x" * len(encoded(connection.receive()))
    connection.close()
    connection = redis.connect()
    for start in range(0, events, 1000):
        # redis-benchmark's random number has twelve digits.
        connection.send([["SET", f"key:{number:012d}", value] for number in range(start, min(start + 1000, events))])
        for _ in range(start, min(start + 1000, events)):
            connection.receive()
    connection.close()


def main():
    parser = argparse.ArgumentParser(description="Compare EV.GET with Redis' GET.")
    parser.add_argument("--build", default=os.path.join(TOP, ".build/release"))
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--least", type=float, default=0, help="the ratio that 16 and 256 in flight must reach")
    options = parser.parse_args()
    claims = Claims()
    with Folder() as folder:
        daemon = folder.daemon(os.path.join(options.build, "evstored"))
        daemon.start()
        redis = Redis(folder)
        fill(daemon, redis, options.events)
        for kind in ["raw", "sealed"]:
            if kind == "sealed":
                connection = daemon.connect()
                connection.ask("EV.ROLL")
                wait_until_sealed(connection)
                connection.close()
            for depth in DEPTHS:
                ours, theirs = [], []
                for _ in range(options.rounds):
                    theirs.append(rate(redis.socket, depth, options.events, "GET", "key:__rand_int__"))
                    ours.append(rate(daemon.socket, depth, options.events, "EV.GET", "__rand_int__"))
                ratio = statistics.median(mine / other for mine, other in zip(ours, theirs))
                figures = f"{statistics.median(ours):,.0f}/s, Redis {statistics.median(theirs):,.0f}/s, {ratio:.2f} x"
                claims.check(depth == 1 or ratio >= options.least, f"{kind} segment, {depth} in flight", figures)
        redis.stop()
        claims.end(daemon)


if __name__ == "__main__":
    main()
