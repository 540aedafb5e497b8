#!/usr/bin/env python3
"""Owns: the claim that evstore keeps the pace that it has: appends at full rate without end, what follows them at a bounded
distance, memory flat; and whatever it is killed in the midst of, first answers as soon as ever.

    pace.py [--minutes N] [--clients N] [--pipeline N] [--aggregates N] [--soft MIB] [--hard MIB]
"""

import random
import statistics
import threading
import time

from growth import Load, measuring_arguments
from hostile import MIB, memory
from shipped import drop_cache
from store import Claims, Connection, Folder, info


class Watch(threading.Thread):
    """Looks at the daemon twice a second."""

    def __init__(self, daemon):
        super().__init__(daemon=True)
        self.daemon_, self.rows, self.ends = daemon, [], threading.Event()
        self.start()

    def run(self):
        connection = Connection(self.daemon_.socket)
        while not self.ends.wait(0.5):
            figures = info(connection)
            self.rows.append({
                "events": int(figures["last_id"]), "sealing": int(figures["seal_backlog_bytes"]),
                "lag": int(figures["projection_lag"]), "slowed": int(figures["appends_slowed_milliseconds"]),
                "by": figures["appends_slowed_by"], "memory": memory(self.daemon_, "VmRSS"),
            })
        connection.close()

    def end(self):
        self.ends.set()
        self.join()
        return self.rows


def minute(load, options, number):
    """A minute of appends: events a second, and the 99th percentile of an append in milliseconds."""
    done = load("append", "-c", options.clients, "-P", options.pipeline, "--duration", options.minute,
                "--aggregates", options.aggregates, "--seed", number)
    return done["events_per_second"], done["latency_us"]["p99"] / 1e3


def lookups(claims, daemon, options):
    """After a kill in the midst of it, with a cold cache."""
    daemon.kill()
    if not drop_cache():
        claims.note("the page cache could not be dropped: this start is warm")
    begin = time.monotonic()
    daemon.start()
    seconds = time.monotonic() - begin
    claims.check(seconds <= options.start, "killed in the midst of it, it answers at once", f"after {seconds:.2f} s")
    connection, times = daemon.connect(), []
    events = int(info(connection)["last_id"])
    chosen = random.Random(options.seed)
    for _ in range(20):
        event = connection.ask("EV.GET", chosen.randrange(1, events + 1))
        aggregate = event[event.index(b"aggregate_id") + 1]
        begin = time.monotonic()
        connection.ask("EV.READ", "AGGREGATE", aggregate, "COUNT", 1, "REV")
        times.append(time.monotonic() - begin)
    claims.check(max(times) * 1e3 <= options.lookup, "an aggregate is found at once, the first as the others",
                 f"{times[0] * 1e3:.1f} ms, {max(times) * 1e3:.1f} at most; {memory(daemon, 'VmRSS') / MIB:.0f} MiB held")
    connection.close()


def main():
    parser = measuring_arguments("Appends at full rate, for long.")
    parser.add_argument("--minutes", type=int, default=20)
    parser.add_argument("--minute", type=int, default=60, help="seconds of one")
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--pipeline", type=int, default=512)
    parser.add_argument("--aggregates", type=int, default=3_000_000)
    parser.add_argument("--soft", type=int, help="MiB that may wait to be sealed; as shipped, where nothing is given")
    parser.add_argument("--hard", type=int)
    parser.add_argument("--events", type=int, help="events that projections may be behind")
    parser.add_argument("--spread", type=float, default=0.2, help="of the minutes' rates around their median")
    parser.add_argument("--start", type=float, default=1.0, help="seconds to the first answer after a kill")
    parser.add_argument("--lookup", type=float, default=50.0, help="milliseconds of a look-up then")
    options = parser.parse_args()
    claims = Claims()
    settings = {name: str(value) for name, value in [
        ("EVSTORED_BACKLOG_SOFT_BYTES", options.soft and options.soft * MIB),
        ("EVSTORED_BACKLOG_HARD_BYTES", options.hard and options.hard * MIB),
        ("EVSTORED_BACKLOG_HARD_EVENTS", options.events)] if value}
    with Folder() as folder:
        daemon = folder.daemon(options.evstored, settings)
        daemon.start()
        load, watch = Load(options.evctl, daemon), Watch(daemon)
        connection = daemon.connect()
        limits = {name: int(value) for name, value in info(connection).items() if name.startswith("backlog_")}
        minutes = []
        for number in range(options.minutes):
            minutes.append((*minute(load, options, number), len(watch.rows)))
            row, last = watch.rows[-1], minutes[-1]
            claims.note(f"minute {number + 1}: {last[0] / 1e3:.0f} k/s, p99 {last[1]:.1f} ms, {row['sealing'] / MIB:.0f} MiB to seal, "
                        f"projections {row['lag'] / 1e6:.2f} M behind, {row['memory'] / MIB:.0f} MiB held, slowed by {row['by'] or 'nothing'}")
        rows = watch.end()
        slowed = [number for number, row in enumerate(rows) if row["slowed"]]
        # What is appended until the room for a burst is used up is the burst.
        steady = [rate for rate, _, end in minutes if slowed and end > slowed[0] + 2 * options.minute][1:]
        if len(steady) > 2:
            middle = statistics.median(steady)
            worst = max(abs(rate - middle) / middle for rate in steady)
            claims.check(worst <= options.spread, "the rate is the same, minute by minute",
                         f"{middle / 1e3:.0f} k/s, {worst:.0%} from it at most, in {len(steady)} minutes")
        else:
            claims.note("the burst was not over")
        claims.check(max(row["sealing"] for row in rows) <= 1.75 * limits["backlog_hard_bytes"],
                     "what waits to be sealed stays bounded", f"{max(row['sealing'] for row in rows) / MIB:.0f} MiB at most, "
                     f"the limit is {limits['backlog_hard_bytes'] / MIB:.0f}")
        claims.check(max(row["lag"] for row in rows) <= 1.75 * limits["backlog_hard_events"],
                     "what projections have not folded stays bounded", f"{max(row['lag'] for row in rows) / 1e6:.1f} M events at most, "
                     f"the limit is {limits['backlog_hard_events'] / 1e6:.1f} M")
        half = len(rows) // 2
        claims.note(f"memory: {max(row['memory'] for row in rows[:half]) / MIB:.0f} MiB at most in the first half, "
                    f"{max(row['memory'] for row in rows[half:]) / MIB:.0f} in the second")
        connection.close()
        lookups(claims, daemon, options)
        claims.end(daemon)


if __name__ == "__main__":
    main()
