#!/usr/bin/env python3
"""Owns: evstored beside its peers, and beside itself, in one run: every figure that the documentation compares.

Rounds alternate between the sides; a quotient is taken within each round, and the median of the rounds is printed with its
target. Figures of one machine and one moment: nothing here fails because something is slow, only because a count is wrong.

Redis 7 is needed. UmaDB takes part where --uma names a Python that has `umadb`, JetStream where nats-server, cc and libnats
are there. At full scale a run takes 15 GB of disk.
"""

import json
import os
import shutil
import sys

import peer_jetstream
from growth import measuring_arguments
from peer_rows import Appends, Reads, Varied
from store import Folder
from store_rows import Grown, Upkeep
from targets import printed, summary, table

GROUPS = (Appends, Reads, Varied, Grown, Upkeep)


class Stage:
    """What the groups of rows share."""

    def __init__(self, folder, options):
        self.folder, self.options = folder, options
        self.jetstream = peer_jetstream.client(folder) if options.jetstream else None

    def scaled(self, number):
        return max(1, number // self.options.scale)

    def daemon(self, settings, name):
        daemon = self.folder.daemon(self.options.evstored, settings, name)
        daemon.start()
        return daemon

    def note(self, text):
        """On standard error where standard output is for the object."""
        print(text, file=sys.stderr if self.options.output == "json" else sys.stdout, flush=True)


def rounds_of(stage, group, names):
    """The figures of each round of the rows of one group that are wanted."""
    rounds = {name: [] for name in names}
    scene = group(stage)
    try:
        for number in range(1, stage.options.rounds + 1):
            for name in names:
                rounds[name].append(scene.measure(name))
                stage.note(f"      round {number}  {name}  {printed(rounds[name][-1])}")
    finally:
        scene.close()
    return [summary(name, group.rows[name], rounds[name]) for name in names]


def main():
    every_row = [name for group in GROUPS for name in group.rows]
    parser = measuring_arguments("Measure evstored beside its peers.")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--scale", type=int, default=1, help="divides every number of events and operations")
    parser.add_argument("--big", type=int, default=10_000_000, help="events of the big store of `start` and `memory`")
    parser.add_argument("--uma", metavar="PYTHON", help="a Python that has umadb")
    parser.add_argument("--no-jetstream", dest="jetstream", action="store_false")
    parser.add_argument("--only", nargs="+", choices=every_row, default=every_row, metavar="ROW", help=", ".join(every_row))
    parser.add_argument("-o", "--output", choices=["short", "json"], default="short")
    options = parser.parse_args()
    options.evctl = os.path.abspath(options.evctl)

    rows = []
    with Folder() as folder:
        stage = Stage(folder, options)
        for peer, program in (("UmaDB", options.uma), ("JetStream", stage.jetstream)):
            if not program:
                stage.note(f"skip  {peer} takes no part")
        for group in GROUPS:
            if names := [name for name in group.rows if name in options.only]:
                rows += rounds_of(stage, group, names)
                # Its stores are not needed any more, and there may be many gigabytes of them.
                for entry in os.scandir(folder.path):
                    if entry.is_dir():
                        shutil.rmtree(entry.path)
    if options.output == "json":
        print(json.dumps({"scale": options.scale, "big": options.big, "rows": rows}, indent=1))
    else:
        print("\n".join(table(rows)))


if __name__ == "__main__":
    main()
