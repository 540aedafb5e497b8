#!/usr/bin/env python3
"""Owns: two builds of evstore under the same load, in turn: append, sealed size, replay, and their ratios; and what their
hot loops cost in instructions, which no other load on the machine changes."""

import argparse
import json
import os
import re
import statistics
import subprocess

from store import TOP, Folder, wait_until_sealed

# What an append, a sealing and a replay are made of.
LOOPS = ["append-plain", "commit", "seal", "read-blocks", "replay"]


def bench(build, daemon, *arguments):
    """What one `evctl bench` prints."""
    command = [os.path.join(build, "evctl"), "bench", *arguments, "--socket", daemon.socket, "--output", "json"]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def measure(build, options):
    """Events a second appended one by one, in batches and replayed, and bytes of the sealed log."""
    with Folder() as folder:
        daemon = folder.daemon(os.path.join(build, "evstored"))
        daemon.start()
        single = bench(build, daemon, "append", "--events", str(options.events // 5), "-c", "4", "-P", "64")
        batched = bench(build, daemon, "append", "--events", str(options.events), "-c", "2", "-P", "4", "--batch", "256")
        connection = daemon.connect()
        wait_until_sealed(connection)
        connection.ask("EV.COMPACT")
        size, _ = daemon.log_bytes()
        replays = [bench(build, daemon, "replay")["events_per_second"] for _ in range(3)]
        daemon.stop()
        return {
            "append, single": single["events_per_second"],
            "append, batches": batched["events_per_second"],
            "replay": statistics.median(replays),
            "sealed bytes": size,
        }


def count(build, loops):
    """Instructions per operation of some of the loops of `microbench`."""
    command = [os.path.join(TOP, "Tests/MicroBenchmarks/ratchet.py"), "--microbench", os.path.join(build, "microbench"), *loops]
    printed = subprocess.run(command, capture_output=True, text=True).stdout
    return {name: float(cost) for name, cost in re.findall(r"^\w+ +([\w-]+): ([\d.]+) instructions", printed, re.MULTILINE)}


def main():
    parser = argparse.ArgumentParser(description="Compare two builds of evstored and evctl, in turn.")
    parser.add_argument("before", help="a folder with the other build")
    parser.add_argument("--after", default=os.path.join(TOP, ".build/release"), help="a folder with this build")
    parser.add_argument("--events", type=int, default=500_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    found = {"before": [], "after": []}
    for number in range(options.rounds):
        for side in ("before", "after") if number % 2 == 0 else ("after", "before"):
            found[side].append(measure(getattr(options, side), options))
    for what in found["before"][0]:
        before, after = (statistics.median(each[what] for each in found[side]) for side in ("before", "after"))
        ratios = sorted(one[what] / other[what] for one, other in zip(found["after"], found["before"]))
        print(f"{what:16} {before:14,.0f} {after:14,.0f}  ratio of medians {after / before:.3f}, "
              f"median of rounds {statistics.median(ratios):.3f} ({ratios[0]:.3f} to {ratios[-1]:.3f})")
    before, after = (count(getattr(options, side), LOOPS) for side in ("before", "after"))
    for loop in LOOPS:
        print(f"{loop:16} {before[loop]:14,.0f} {after[loop]:14,.0f}  instructions, ratio {after[loop] / before[loop]:.3f}")


if __name__ == "__main__":
    main()
