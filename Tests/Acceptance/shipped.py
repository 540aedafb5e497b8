#!/usr/bin/env python3
"""Owns: builds of evstore as they are shipped, under a burst of ten million events, in turn: the rate, the memory behind it, and
the first answer after a `kill -9` with a cold cache, in the middle of sealing. Nothing that was acknowledged may be missing.

    shipped.py [FOLDER...] [--events N] [--rounds R]     folders with `evstored` and `evctl`; this build where none is given
"""

import argparse
import json
import os
import statistics
import subprocess
import sys

from store import TOP, Folder, info


def drop_cache():
    """Whether the system has let go of what it had read."""
    os.sync()
    try:
        with open("/proc/sys/vm/drop_caches", "w") as file:
            file.write("3")
        return True
    except OSError:
        return False


def memory(daemon):
    with open(f"/proc/{daemon.process.pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS")) / 1024


def measure(build, events):
    with Folder() as folder:
        daemon = folder.daemon(os.path.join(build, "evstored"))
        daemon.start()
        command = [os.path.join(build, "evctl"), "bench", "append", "--socket", daemon.socket, "--output", "json",
                   "--clients", "8", "--pipeline", "512", "--events", str(events), "--aggregates", str(max(events // 10, 1))]
        rate = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)["events_per_second"]
        held = memory(daemon)
        daemon.kill()
        if not drop_cache():
            print("note  the page cache could not be dropped: starts are warm")
        seconds = daemon.start()
        figures = info(daemon.connect())
        if int(figures["last_id"]) != events or figures["state"] != "ok":
            sys.exit(f"FAIL  {figures['last_id']} of {events} events, {figures['state']}")
        daemon.stop()
        return {"events a second": rate, "MiB held behind the burst": held, "seconds to the first answer": seconds}


def main():
    parser = argparse.ArgumentParser(description="Measure builds of evstored and evctl under a burst, as shipped.")
    parser.add_argument("builds", nargs="*", default=[os.path.join(TOP, ".build/release")])
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    found = [[] for _ in options.builds]
    for _ in range(options.rounds):
        for build, figures in zip(options.builds, found):
            figures.append(measure(build, options.events))
    for build, figures in zip(options.builds, found):
        print(build)
        for what in figures[0]:
            values = sorted(each[what] for each in figures)
            print(f"  {what:28} {statistics.median(values):14,.2f}  ({values[0]:,.2f} to {values[-1]:,.2f})")


if __name__ == "__main__":
    main()
