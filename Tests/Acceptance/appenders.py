"""Owns: clients that append, each in its own way, and remember what they were answered.

Each is a thread with one connection. It keeps so many units in flight, refills them in bursts, and ends with its
connection, or when it is told to; what it sent is then in `life`, for the oracle.
"""

import base64
import random
import threading

from oracle import Unit
from store import Connection, Events, Lost, Refused, encoded, event_map

POOL = 4096


class Sources:
    """Made-up events that say which client sent them, and as its how-many-eth; with so many characters of noise, which
    nothing compresses."""

    def __init__(self, seed, noise=0):
        events, pick = Events(seed, aggregates=2000), random.Random(seed)
        self.pool = []
        for number in range(POOL):
            category, aggregate, kind, data, time, tag = events(number)
            rest = data[data.index(b",") + 1:]
            if noise:
                rest = b'"noise":"%s",' % base64.b64encode(pick.randbytes(noise * 3 // 4)) + rest
            self.pool.append((category.encode(), aggregate.encode(), kind.encode(), rest, time.encode(), tag.encode()))

    def __call__(self, client, number, identified):
        category, aggregate, kind, rest, time, tag = self.pool[(number * 31 + client) % POOL]
        form = b"%08x-0000-4000-8000-%012x" if number % 2 else b"client %d/event %d"
        name = form % (client, number) if identified else None
        return (category, aggregate, kind, b'{"client":%d,"number":%d,' % (client, number) + rest, time, tag, name)


def append_of(event):
    category, aggregate, kind, data, time, tag, name = event
    return (b"EV.APPEND", category, aggregate, kind, data, b"TIMESTAMP", time, b"TAG", tag,
            *((b"ID", name) if name else ()))


def entry(answer):
    """(id, event) of an event as the daemon answers it, in the oracle's form."""
    event = event_map(answer)
    tags = event.get("tags") or [None]
    return event["event_id"], (event["category"], event["aggregate_id"], event["event_type"], event["data"],
                               event["timestamp"], tags[0], event.get("id"))


def entries(connection, after, last):
    """The entries of the log from behind `after` to `last`; until the log ends, if that is first."""
    while after < last:
        page = connection.ask("EV.READ", "AFTER", after, "COUNT", min(4096, last - after))
        if not page:
            return
        for answer in page:
            yield entry(answer)
        after = event_map(page[-1])["event_id"]


class Client(threading.Thread):
    """`depth` units in flight, of `size` events each: more than one is a transaction. With `identified` each event has an
    ID, and what had no answer in the life before is sent again first."""

    def __init__(self, path, sources, number, depth, size=1, identified=False, next_event=0, again=(), limit=None,
                 patient=False):
        super().__init__(daemon=True)
        self.path, self.sources, self.number = path, sources, number
        self.depth, self.size, self.identified = depth, size, identified
        self.next_event, self.again, self.limit = next_event, list(again), limit
        # Whether it goes on after an error; others end with the first, as a program does that gives up.
        self.patient = patient
        self.life, self.errors = [], []
        self.is_lost = self.is_told = False
        self.failure = None

    def end(self):
        """Has it send nothing more, and end with the last answer."""
        self.is_told = True

    def run(self):
        try:
            self._work()
        except Exception as failure:  # pylint: disable=broad-except
            self.failure = failure

    def _work(self):
        try:
            connection = Connection(self.path)
        except OSError:
            self.is_lost = True
            return
        flight, begun = [], 0
        try:
            while True:
                # In bursts, so that the daemon sees long pipelines, short ones and empty ones.
                if len(flight) <= self.depth // 2 and not self.is_lost and not self.is_told:
                    burst = []
                    while len(flight) < self.depth and (self.limit is None or begun < self.limit):
                        unit = self._next()
                        begun += 1
                        flight.append(unit)
                        burst.append(self._encoded(unit))
                    self.life += flight[len(flight) - len(burst):]
                    try:
                        connection.send_bytes(b"".join(burst))
                    except Lost:
                        # What was answered before is still to be read.
                        self.is_lost = True
                if not flight:
                    return
                self._receive(connection, flight.pop(0))
        except Lost:
            self.is_lost = True
        finally:
            connection.close()

    def _next(self):
        if self.again:
            return self.again.pop(0)
        events = [self.sources(self.number, self.next_event + place, self.identified) for place in range(self.size)]
        self.next_event += self.size
        return Unit(self.number, events, self.identified)

    @staticmethod
    def _encoded(unit):
        appends = b"".join(encoded(append_of(event)) for event in unit.events)
        return appends if len(unit.events) == 1 else encoded((b"MULTI",)) + appends + encoded((b"EXEC",))

    def _receive(self, connection, unit):
        # MULTI, what is queued, EXEC.
        for _ in range(len(unit.events) + 1 if len(unit.events) > 1 else 0):
            answer = connection.receive()
        answer = connection.receive()
        if isinstance(answer, list) and isinstance(answer[-1], Refused):
            answer = answer[-1]
        if isinstance(answer, Refused):
            unit.refused(str(answer))
            self.errors.append(str(answer))
            if not self.patient:
                self.is_told = True
        else:
            unit.answered(answer if isinstance(answer, list) else [answer])
