"""Owns: what peers.py and curve.py ask of an evstored that grows: loads that must succeed, and figures taken from outside."""

import json
import os
import statistics
import time

from bench import Bench
from store import TOP, Connection, Lost, Refused, arguments, info

# The payload of everybody who appends by redis-benchmark, and of the peers beside it.
PAYLOAD = ('{"user":"user-12345","status":"pending","amount":482.17,"currency":"EUR",'
           '"items":[{"sku":"widget-482","qty":3}],"note":"customer asked for delivery on friday"}')
REDUCERS = {"EVSTORED_REDUCERS_DIRECTORY": os.path.join(TOP, "config/reducers")}
# A peer folds nothing, and what a reducer keeps is the reducer's: where the store alone is meant, it keeps nothing live.
ALONE = {**REDUCERS, "EVSTORED_PROJECTIONS": ""}


def measuring_arguments(description):
    parser = arguments(description)
    parser.add_argument("--evctl", default=os.path.join(TOP, ".build/release/evctl"))
    return parser


class Load(Bench):
    """`evctl bench` against one daemon. An operation that fails ends the script: no figure stands for it."""

    def __call__(self, *words):
        process = self.begin(*map(str, words))
        output, errors = process.communicate()
        if process.returncode != 0:
            raise SystemExit(f"FAIL  evctl bench {' '.join(map(str, words))}: {errors.strip()} {output.strip()}")
        return json.loads(output)

    def fill(self, events, aggregates, seed=1):
        """Appends so many events, fast."""
        if events > 0:
            self("append", "-c", 8, "-P", 512, "--events", events, "--aggregates", aggregates, "--seed", seed)


def wait_until_idle(connection, seconds=3600):
    """Waits until nothing is left to seal or to fold. The active segment stays as it is."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        figures = info(connection)
        if int(figures["seal_backlog_bytes"]) == int(figures["projection_lag"]) == 0:
            return
        time.sleep(0.1)
    raise SystemExit(f"FAIL  the daemon is still at work after {seconds} s")


def first_answer(daemon, last, wait=120):
    """Kills the daemon and starts it. Seconds from there to its first answer about the store: the event with the id `last`."""
    daemon.kill()
    begin = time.monotonic()
    daemon.spawn()
    connection = None
    while time.monotonic() - begin < wait:
        if daemon.process.poll() is not None:
            raise SystemExit(f"FAIL  evstored ended with {daemon.process.returncode}:\n{daemon.notes()}")
        try:
            connection = connection or Connection(daemon.socket)
            event = connection.ask("EV.GET", last)
            seconds = time.monotonic() - begin
            if not event or event[1] != last:
                raise SystemExit(f"FAIL  event {last} is not there after a restart: {event}")
            connection.close()
            return seconds
        except Refused as error:
            if not str(error).startswith("LOADING"):
                raise
        except (OSError, Lost):
            connection = None
        time.sleep(0.001)
    raise SystemExit(f"FAIL  no answer within {wait} s of the start")


def median_first_answer(daemon, last, times):
    """The same, in milliseconds, in the middle of so many restarts."""
    return statistics.median(first_answer(daemon, last) for _ in range(times)) * 1000


def resident_bytes(daemon):
    with open(f"/proc/{daemon.process.pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:")) * 1024
