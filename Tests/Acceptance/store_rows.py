"""Owns: the rows of peers.py in which evstored is measured against itself: start-up, memory, appends beside upkeep."""

import os
import threading

from growth import ALONE, REDUCERS, Load, median_first_answer, resident_bytes, wait_until_idle
from store import Lost, Refused, wait_until_sealed
from targets import Row, at_most, must

MIB = 1 << 20


class Grown:
    """Two stores, ten events an aggregate, everything sealed but a tail that is the same in both; projections as shipped."""

    rows = {
        "start": Row("first answer after kill -9, in a small store and a big one",
                     [at_most(1000, "big_ms"), at_most(1.5, "big_ms", "small_ms")]),
        # What projections keep of a million aggregates is theirs, and in Lua: the store's own share is told apart.
        "memory": Row("resident memory of the big store, serving reads: once filled, restarted, and without projections",
                      [at_most(128, "resident_filled_mib"), at_most(128, "resident_mib"),
                       at_most(128, "resident_alone_mib")]),
    }

    def __init__(self, stage):
        self.stage, self.stores = stage, {}
        for name, events in (("small", stage.scaled(1_000_000)), ("big", stage.scaled(stage.options.big))):
            daemon = stage.daemon(REDUCERS, name)
            load, connection, tail = Load(stage.options.evctl, daemon), daemon.connect(), stage.scaled(100_000)
            load.fill(events - tail, events // 10)
            wait_until_sealed(connection)
            load.fill(tail, events // 10, seed=2)
            wait_until_idle(connection)
            count = connection.ask("EV.COUNT")
            must(count == events, "evstored has what was appended", f"{count} of {events}")
            self.stores[name] = (daemon, load, events)
        self.filled = self.resident()

    def measure(self, row):
        if row == "start":
            return {f"{name}_ms": median_first_answer(daemon, events, 3) for name, (daemon, _, events) in self.stores.items()}
        # As shipped comes last: so is the daemon of the next round.
        return {"resident_filled_mib": self.filled, "resident_alone_mib": self.restarted(ALONE),
                "resident_mib": self.restarted(REDUCERS)}

    def restarted(self, settings):
        daemon = self.stores["big"][0]
        daemon.stop()
        daemon.environment = {**os.environ, **settings}
        daemon.start()
        wait_until_idle(daemon.connect())
        return self.resident()

    def resident(self):
        daemon, load, events = self.stores["big"]
        load("read", "--operations", self.stage.scaled(20_000), "--aggregates", events // 10)
        return resident_bytes(daemon) / MIB

    def close(self):
        for daemon, _, _ in self.stores.values():
            daemon.stop()


class Snapshots(threading.Thread):
    """Has the daemon take snapshots, twice a second, until it is ended."""

    def __init__(self, daemon):
        super().__init__(daemon=True)
        self.connection, self.over, self.taken = daemon.connect(), threading.Event(), 0

    def run(self):
        while not self.over.wait(0.5):
            try:
                self.connection.ask("EV.SNAPSHOT")
                self.taken += 1
            except Refused:
                pass
            except Lost:
                return

    def end(self):
        self.over.set()
        self.join()
        return self.taken


class Upkeep:
    """A burst leaves segments to seal and projections to catch up; appends by the clock go on beside that."""

    rows = {"upkeep": Row("append p99 while sealing and snapshotting, and with nothing else to do",
                          [at_most(3, "busy_p99_us", "quiet_p99_us")])}

    def __init__(self, stage):
        self.stage, self.daemon, self.expected = stage, stage.daemon(REDUCERS, "upkeep"), 0
        self.load, self.connection = Load(stage.options.evctl, self.daemon), self.daemon.connect()

    def append(self):
        events = max(1000, self.stage.scaled(10_000))
        self.expected += events
        return self.load("append", "-c", 4, "--rate", 2000, "--events", events)["latency_us"]

    def measure(self, row):
        burst = self.stage.scaled(2_000_000)
        self.expected += burst
        self.load.fill(burst, self.stage.scaled(100_000))
        try:
            self.connection.ask("EV.ROLL")
        except Refused:
            pass  # More segments wait to be sealed than a roll could add to: all the better.
        before, snapshots = self.backlog(), Snapshots(self.daemon)
        snapshots.start()
        busy = self.append()
        figures = {"busy_p50_us": busy["p50"], "busy_p99_us": busy["p99"], "backlog_before_mib": before,
                   "backlog_after_mib": self.backlog(), "snapshots": snapshots.end()}
        wait_until_idle(self.connection)
        quiet = self.append()
        count = self.connection.ask("EV.COUNT")
        must(count == self.expected, "evstored has what was appended", f"{count} of {self.expected}")
        return {**figures, "quiet_p50_us": quiet["p50"], "quiet_p99_us": quiet["p99"]}

    def backlog(self):
        text = self.connection.ask("EV.INFO").decode()
        return int(text.split("seal_backlog_bytes:")[1].split()[0]) / MIB

    def close(self):
        self.daemon.stop()
