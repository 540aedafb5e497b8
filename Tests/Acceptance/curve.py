#!/usr/bin/env python3
"""Owns: the shape of the curve: one store, measured as it grows, as a table and as a plot for the documentation.

At each size everything but the last appends is sealed, as in a store that has been in use; no projection is live. The
figures are `evctl bench`'s, and belong to one machine and one moment: what does not depend on it is how they change from
one size to the next. --json keeps them, and --from draws them again.
"""

import json
import os
import statistics

from chart import Curve, Panel, drawing
from growth import ALONE, Load, measuring_arguments, median_first_answer, resident_bytes, wait_until_idle
from store import TOP, Claims, Folder, wait_until_sealed

ROUNDS, SEQUENTIAL, PIPELINED, READS, RESTARTS = 3, 1_000, 20_000, 20_000, 5
RESOURCES = os.path.join(TOP, "Sources/EventStore/EventStore.docc/Resources")


class Growth:
    """The store, and how many events it should have by now."""

    def __init__(self, claims, daemon, evctl):
        self.claims, self.daemon, self.load, self.events = claims, daemon, Load(evctl, daemon), 0
        daemon.start()

    def at(self, size):
        """Grows the store to so many events, and measures it there."""
        aggregates, connection = size // 10, self.daemon.connect()
        # The appends that are measured are a part of the size, and of a small one half.
        share = min(1, (size - self.events) / 2 / (ROUNDS * (SEQUENTIAL + PIPELINED)))
        sequential, pipelined = max(1, int(SEQUENTIAL * share)), max(1, int(PIPELINED * share))
        before = size - ROUNDS * (sequential + pipelined)
        self.load.fill(before - self.events, aggregates, seed=size)
        wait_until_sealed(connection)
        figures = {"events": size, "bytes_per_event": self.daemon.log_bytes()[0] / before}
        appends = [(self.append(sequential, 1, 1, aggregates), self.append(pipelined, 64, 16, aggregates))
                   for _ in range(ROUNDS)]
        figures["append_1_per_s"], figures["append_64x16_per_s"] = map(statistics.median, zip(*appends))
        self.events = size
        count = connection.ask("EV.COUNT")
        self.claims.check(count == size, f"the store has {size:,} events", f"{count:,}")
        wait_until_idle(connection)

        read = self.load("read", "--operations", min(READS, size), "--aggregates", aggregates)
        for name, part in (("read", read), ("ping", read["ping"])):
            figures |= {f"{name}_p50_us": part["latency_us"]["p50"], f"{name}_p99_us": part["latency_us"]["p99"]}
        figures["events_per_read"] = read["events"] / read["operations"]
        figures["resident_mib"] = resident_bytes(self.daemon) / (1 << 20)
        replay = self.load("replay")
        self.claims.check(replay["events"] == size, f"replay gives {size:,} events", f"{replay['events']:,}")
        figures["replay_per_s"] = replay["events_per_second"]
        connection.close()
        figures["first_answer_ms"] = median_first_answer(self.daemon, size, RESTARTS)
        return figures

    def append(self, events, clients, pipeline, aggregates):
        return self.load("append", "-c", clients, "-P", pipeline, "--events", events, "--aggregates",
                         aggregates)["events_per_second"]


def table(sizes):
    """Markdown, one line a size."""
    heads = ["events", "append, 1 client", "append, 64 × 16", "look-up p50 / p99", "PING p50 / p99", "replay",
             "first answer", "memory", "disk"]
    lines = [heads, ["---:"] * len(heads)]
    for at in sizes:
        lines.append([f"{at['events']:,}", f"{at['append_1_per_s']:,.0f}/s", f"{at['append_64x16_per_s'] / 1000:,.0f} k/s",
                      f"{at['read_p50_us']:.0f} / {at['read_p99_us']:.0f} µs",
                      f"{at['ping_p50_us']:.0f} / {at['ping_p99_us']:.0f} µs", f"{at['replay_per_s'] / 1000:,.0f} k/s",
                      f"{at['first_answer_ms']:.0f} ms", f"{at['resident_mib']:.0f} MiB",
                      f"{at['bytes_per_event']:.0f} B/event"])
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def plot(sizes):
    def curve(name, figure, over=None):
        return Curve(name, [(at["events"], at[figure] / (at[over] if over else 1)) for at in sizes])

    return drawing("Append rates and look-up latency as the store grows", [
        Panel("Appends", "durable events a second", True,
              [curve("1 client", "append_1_per_s"), curve("64 × 16", "append_64x16_per_s")]),
        Panel("Look-up of an aggregate", "latency as a multiple of a PING's", False,
              [curve("p50", "read_p50_us", "ping_p50_us"), curve("p99", "read_p99_us", "ping_p99_us")]),
    ])


def written(path, text):
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def main():
    parser = measuring_arguments("Measure one store as it grows, and draw it.")
    parser.add_argument("--sizes", default="100000,1000000,10000000", help="events, rising, with commas between them")
    parser.add_argument("--svg", metavar="FILE", default=os.path.join(RESOURCES, "curve.svg"), help="where to draw")
    parser.add_argument("--table", metavar="FILE", help="where to write the table, if not to standard output")
    parser.add_argument("--json", metavar="FILE", help="where to keep the figures")
    parser.add_argument("--from", dest="kept", metavar="FILE", help="draw figures that --json kept; measure nothing")
    options = parser.parse_args()
    claims, sizes = Claims(), []

    if options.kept:
        with open(options.kept, encoding="utf-8") as file:
            sizes = json.load(file)["sizes"]
    else:
        with Folder() as folder:
            growth = Growth(claims, folder.daemon(options.evstored, ALONE), options.evctl)
            for size in map(int, options.sizes.split(",")):
                sizes.append(growth.at(size))
                claims.note("  ".join(f"{name} {value:.6g}" for name, value in sizes[-1].items()))
    if options.json:
        written(options.json, json.dumps({"sizes": sizes}, indent=1) + "\n")
    written(options.svg, plot(sizes))
    if options.table:
        written(options.table, table(sizes))
    else:
        print(table(sizes), end="")
    claims.end()


if __name__ == "__main__":
    main()
