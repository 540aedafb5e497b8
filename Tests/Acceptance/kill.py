#!/usr/bin/env python3
"""Owns: the claim that nothing acknowledged is lost, whenever the daemon is killed.

Imports generated events, pipelined, and kills the daemon with SIGKILL at random moments in the middle. Events are sent
in order on one connection, so event number n must have id n, whatever happens: what is there is a prefix of what was
sent, and holds all that was acknowledged.

This proves recovery after a crash of the process. A power cut is the simulated disk's business, in SegmentLogTests.
"""

import json
import random
import threading

from store import Claims, Events, Folder, Lost, Refused, append_command, arguments, encoded, event_map

BATCH = 512
WINDOW = 16
AHEAD = 20_000
PROJECTIONS = ["order_counts", "user_activity", "inventory_levels"]


def run(connection, events, first, last, kill_at=None, kill=None):
    """Sends events first…last in order; begins to kill once kill_at is acknowledged, and goes on until the connection
    is lost. Returns the last event acknowledged."""
    bounds = [(start, min(start + BATCH, last + 1)) for start in range(first, last + 1, BATCH)]
    batches = [b"".join(encoded(append_command(events(n))) for n in range(*pair)) for pair in bounds]
    sent, acknowledged = 0, first - 1
    try:
        for index, (start, end) in enumerate(bounds):
            while sent < len(batches) and sent < index + WINDOW:
                connection.send_bytes(batches[sent])
                sent += 1
            for number in range(start, end):
                answer = connection.receive()
                if answer != number:
                    raise SystemExit(f"FAIL  event {number} was answered {answer!r}")
                acknowledged = number
            if kill and acknowledged >= kill_at:
                kill.start()
                kill_at = last + 1
    except Lost:
        if not kill:
            raise SystemExit(f"FAIL  the connection was lost after event {acknowledged}")
    return acknowledged


def wrong(connection, events, first, last):
    """The first id of first…last that is not there or not what was sent; None when all are right."""
    expected = first
    while expected <= last:
        page = [event_map(answer) for answer in connection.ask("EV.READ", "AFTER", expected - 1, "COUNT", 5000)]
        if not page:
            return expected
        for event in page:
            category, aggregate, kind, data, timestamp, tag = events(expected)
            found = (event["event_id"], event["category"], event["aggregate_id"], event["event_type"], event["data"],
                     event["timestamp"], event["tags"])
            if found != (expected, category.encode(), aggregate.encode(), kind.encode(), data, timestamp.encode(),
                         [tag.encode()]):
                return expected
            expected += 1
            if expected > last:
                break
    return None


def projections(connection):
    """All of them, once they have reached the tail."""
    states = {}
    for name in PROJECTIONS:
        for _ in range(60):
            try:
                states[name] = connection.ask("EV.PROJECTION", name)
                break
            except Refused as error:
                if not str(error).startswith("LAGGING"):
                    raise
    return states


def reference(events, last):
    """What the reference model's projections make of the same events."""
    orders, users, products = {}, {}, {}
    for number in range(1, last + 1):
        category, aggregate, kind, data, _, _ = events(number)
        if category == "user":
            user = users.setdefault(aggregate, {"event_count": 0, "last_event": ""})
            user["event_count"] += 1
            user["last_event"] = kind
        elif category in ("order", "inventory"):
            data = json.loads(data)
            if category == "order":
                orders[data["status"]] = orders.get(data["status"], 0) + 1
            elif kind == "stock_added":
                products[aggregate] = products.get(aggregate, 0) + data["quantity"]
            else:
                products[aggregate] = max(0, products.get(aggregate, 0) - data["quantity"])
    return {"order_counts": {"by_status": orders}, "user_activity": {"users": users},
            "inventory_levels": {"products": products}}


def check(claims, connection, events, label, acknowledged, seen):
    tail = connection.ask("EV.COUNT")
    claims.check(tail >= acknowledged, f"{label} no acknowledged event is lost", f"{acknowledged} of {tail}")
    bad = wrong(connection, events, seen + 1, tail)
    claims.check(bad is None, f"{label} ids and contents {seen + 1}…{tail} are as sent", f"first wrong {bad}" if bad else "")
    report = json.loads(connection.ask("EV.VERIFY"))
    clean = not report["damaged"] and not report["problems"] and report["events"] == tail
    claims.check(clean, f"{label} EV.VERIFY is clean", f"{report['events']} events, {report['problems']}")
    before = projections(connection)
    for name in PROJECTIONS:
        connection.ask("EV.REBUILD", name)
    rebuilt = projections(connection)
    claims.check(len(before) == 3 and before == rebuilt, f"{label} projections equal a rebuild")
    return tail, rebuilt


def main():
    parser = arguments("Kill the daemon in the middle of an import, again and again.")
    parser.add_argument("--events", type=int, default=60_000)
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--segment-bytes", type=int, default=4 << 20, help="the default of the daemon is 67108864")
    options = parser.parse_args()
    claims, events, pick = Claims(), Events(options.seed), random.Random(options.seed)
    # A small store rolls, seals and compacts as often between two kills as a large one does in the field.
    settings = {"EVSTORED_SEGMENT_BYTES": str(options.segment_bytes), "EVSTORED_SNAPSHOTS_EVERY_EVENTS": "20000"}
    points = sorted(pick.sample(range(1, options.events), options.kills))
    slowest = 0.0

    with Folder() as folder:
        daemon = folder.daemon(options.evstored, settings)
        claims.note(f"{options.kills} kills among {options.events} events, seed {options.seed}")
        daemon.start()
        tail = 0
        for index, point in enumerate(points, 1):
            # Enough behind the moment of the kill that the daemon is at work when it comes.
            last = max(tail, min(options.events, point + AHEAD))
            kill = threading.Timer(pick.random() * 0.03, daemon.kill)
            acknowledged = run(daemon.connect(), events, tail + 1, last, point, kill)
            if not kill.is_alive() and daemon.process.poll() is None:
                kill.start()
            kill.join()
            seconds = daemon.start()
            slowest = max(slowest, seconds)
            claims.note(f"kill {index}: first answer {seconds * 1000:.0f} ms after the start")
            tail, _ = check(claims, daemon.connect(), events, f"kill {index}:", acknowledged, tail)

        if tail < options.events:
            tail = run(daemon.connect(), events, tail + 1, options.events)
        claims.check(daemon.stop() == 0, "a stop ends with status 0")
        daemon.start()
        _, states = check(claims, daemon.connect(), events, "at the end:", options.events, 0)
        expected = reference(events, options.events)
        same = all(json.loads(states[name])["state"] == expected[name] for name in PROJECTIONS)
        claims.check(same, "projections equal what the reference model computes")
        claims.note(f"slowest first answer after a kill: {slowest * 1000:.0f} ms")
        claims.end(daemon)


if __name__ == "__main__":
    main()
