#!/usr/bin/env python3
"""Owns: the claim that what `evctl bench` says it did is what the daemon knows of it.

Small numbers, and none of them a time: this is no measurement.
"""

import json
import os
import signal
import subprocess
import time

from store import TOP, Claims, Folder, Lost, arguments, info

NAMES = ("--aggregates", "200", "--category", "inventory")


class Bench:
    """Runs `evctl bench` against one daemon."""

    def __init__(self, evctl, daemon):
        self.command = [os.path.abspath(evctl), "-s", daemon.socket, "bench"]

    def begin(self, *words):
        return subprocess.Popen([*self.command, *words, "-o", "json"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True)

    @staticmethod
    def end(process):
        """Its exit status, its object, and what it said beside it."""
        output, errors = process.communicate(timeout=120)
        return process.returncode, json.loads(output or "{}"), errors.strip()

    def __call__(self, *words):
        return self.end(self.begin(*words))


def well(figures):
    """Whether percentiles rise, and nothing failed."""
    latency = figures["latency_us"]
    rising = [latency[name] for name in ("p50", "p90", "p99", "p99.9", "p99.99", "max")]
    return (rising == sorted(rising) and 0 < latency["mean"] <= latency["max"] and not figures["errors"]
            and figures["failed_operations"] == figures["unanswered_operations"] == figures["lost_connections"] == 0)


def main():
    parser = arguments("evctl bench against the daemon's own account.")
    parser.add_argument("--evctl", default=os.path.join(TOP, ".build/release/evctl"))
    options = parser.parse_args()
    claims = Claims()

    with Folder() as folder:
        daemon = folder.daemon(options.evstored, {"EVSTORED_REDUCERS_DIRECTORY": os.path.join(TOP, "config/reducers")})
        daemon.start()
        bench, connection, expected = Bench(options.evctl, daemon), daemon.connect(), 0

        for words, events in [
            (("--events", "4000", "-c", "8", "-P", "32", "--threads", "2"), 4000),
            (("--events", "500", "--rate", "5000", "-c", "4", "-P", "16"), 500),
            (("--events", "1000", "--batch", "100", "-c", "2"), 1000),
            (("--events", "300", "--payload", os.path.join(TOP, "Tests/Acceptance/demo.json")), 300),
        ]:
            status, figures, errors = bench("append", *NAMES, *words)
            expected += events
            claims.check(status == 0 and figures["events"] == events and well(figures)
                         and connection.ask("EV.COUNT") == expected, f"append {' '.join(words[:6])}",
                         errors or f"{figures['events']} events, {connection.ask('EV.COUNT')} in the store")
        status, figures, _ = bench("append", *NAMES, "--duration", "0.5", "-P", "64")
        expected += figures["events"]
        claims.check(status == 0 and figures["events"] > 0 and connection.ask("EV.COUNT") == expected,
                     "append for half a second", f"{figures['events']} events")
        each = [connection.ask("EV.COUNT", "AGGREGATE", f"inventory-{number:06}") for number in range(200)]
        claims.check(sum(each) == expected and min(each) > 0, "every aggregate has its share",
                     f"{min(each)} to {max(each)} of {expected}")

        status, figures, errors = bench("read", *NAMES, "--operations", "400", "-c", "4")
        claims.check(status == 0 and figures["operations"] == figures["ping"]["operations"] == 400 and well(figures)
                     and 400 * min(each) <= figures["events"] <= 400 * max(each), "read",
                     errors or f"{figures['events']} events in 400 reads")
        status, figures, errors = bench("state", *NAMES, "--operations", "200", "--reducer", "inventory", "--at", "now")
        claims.check(status == 0 and figures["operations"] == figures["read"]["operations"] == 200 and well(figures),
                     "state", errors)
        status, figures, errors = bench("replay")
        claims.check(status == 0 and figures["events"] == expected, "replay", errors or f"{figures['events']} events")
        status, figures, errors = bench("subscribe", "--events", "400", "--rate", "2000")
        expected += 400
        claims.check(status == 0 and figures["events"] == 400 and figures["missing"] == 0
                     and connection.ask("EV.COUNT") == expected, "subscribe", errors)

        status, figures, errors = bench("state", *NAMES, "--operations", "10", "--reducer", "nope")
        claims.check(status == 3 and figures["operations"] == 0 and figures["errors"] == {"NOTFOUND": 10},
                     "errors are counted, and are no successes", errors)

        process = bench.begin("append", *NAMES, "--duration", "100", "-c", "4", "-P", "64")
        while connection.ask("EV.COUNT") < expected + 1000:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        status, figures, errors = bench.end(process)
        expected += figures["events"]
        claims.check(status == 130 and figures["interrupted"] and connection.ask("EV.COUNT") == expected,
                     "an interrupted run says what it did", f"{figures['events']} events; {errors}")
        claims.check(int(info(connection)["last_id"]) == expected, "ids have no gap", f"the last is {expected}")

        process = bench.begin("append", *NAMES, "--duration", "100", "-c", "4", "-P", "64")
        while connection.ask("EV.COUNT") < expected + 1000:
            time.sleep(0.01)
        daemon.kill()
        status, figures, errors = bench.end(process)
        claims.check(status == 8 and figures["lost_connections"] == 4 and figures["unanswered_operations"] > 0,
                     "a daemon that dies leaves the outcome unknown", errors)
        try:
            daemon.start()
            count = daemon.connect().ask("EV.COUNT") - expected
        except Lost:
            count = -1
        claims.check(figures["events"] <= count <= figures["events"] + figures["unanswered_operations"],
                     "what it counted is there after the restart", f"{figures['events']} counted, {count} there")
        claims.check(daemon.stop() == 0, "a stop ends with status 0")
        claims.end(daemon)


if __name__ == "__main__":
    main()
