#!/usr/bin/env python3
"""Owns: the judge: what may stand in a log, given what clients sent and what they were answered. Knows no daemon.

A client sends units, each of one event or of a transaction, in order. What is in the log must be explained by them:

  * ids have no gap, and each event is one that was sent, byte for byte, and is there once
  * what was acknowledged is there, with exactly the ids that were acknowledged
  * what was refused is not there; FAILED and a lost connection say nothing, so such a unit may be there or not
  * a transaction is there as a whole, in a row, or not at all
  * of one client the units are there in the order it sent them, and none is missing before one that is there

Run by itself, it is shown logs that are wrong in each of these ways, and must object.
"""

import array
import re
import sys

NUMBERED = re.compile(rb'\{"client":(\d+),"number":(\d+),')


class Unit:
    """Events that are appended together, and what became of them."""

    __slots__ = ("client", "events", "identified", "answer", "ids")

    def __init__(self, client, events, identified=False):
        # Each event as (category, aggregate, type, data, timestamp, tag, id or None), all in bytes.
        self.client, self.events, self.identified = client, events, identified
        # None while the outcome is unknown, ids once acknowledged, the text of the error once refused.
        self.answer = None
        # Where its events have been found.
        self.ids = []

    @property
    def is_acknowledged(self):
        return isinstance(self.answer, list)

    @property
    def is_refused(self):
        return isinstance(self.answer, str)

    def answered(self, ids):
        self.answer = ids

    def refused(self, text):
        # FAILED is the one error that leaves open whether the event is there.
        self.answer = None if text.split(" ")[0] == "FAILED" else text


class Oracle:
    def __init__(self):
        self.violations = []
        self.acknowledged = self.lost = 0
        # One hash an event, by id, so that the whole log can be read again later and compared.
        self.digests = array.array("q")

    @property
    def tail(self):
        return len(self.digests)

    def judge(self, lives, entries):
        """Judges what has come into the log since the last time.

        `lives` has a list of units for each client, in the order in which it sent them; `entries` yields (id, event) in
        the order of the log. Returns, for each client, the units it has to send again, and how many events are in the
        log that nobody was told of.
        """
        waiting, known = {}, sum(len(unit.ids) for units in lives for unit in units if not unit.is_acknowledged)
        for units in lives:
            for unit in units:
                if unit.ids:
                    continue
                for place, event in enumerate(unit.events):
                    waiting[number_of(event[3])] = (unit, place)
        for position, event in entries:
            if position != self.tail + 1:
                self._object(f"event {position} stands where {self.tail + 1} should")
            self.digests.append(hash(event))
            unit, place = waiting.pop(number_of(event[3]), (None, 0))
            if unit is None:
                self._object(f"event {position} was not sent, or is there twice: {event[3][:60]!r}")
            elif unit.events[place] != event:
                self._object(f"event {position} is not what was sent: {event!r}, not {unit.events[place]!r}")
            else:
                if place != len(unit.ids) or unit.ids and unit.ids[-1] != position - 1:
                    self._object(f"event {position} is part {place + 1} of a transaction that was cut or mixed")
                unit.ids.append(position)
        unannounced, again = -known, []
        for units in lives:
            self._judge_order(units)
            for unit in units:
                self._judge_presence(unit)
                if unit.ids and not unit.is_acknowledged:
                    unannounced += len(unit.ids)
            again.append([unit for unit in units if unit.identified and unit.answer is None])
        return again, unannounced

    def same_again(self, entries):
        """Whether the log reads as it did before, all of it. Yields the entries on the way."""
        expected = 0
        for position, event in entries:
            expected += 1
            if position != expected or expected > self.tail or hash(event) != self.digests[expected - 1]:
                self._object(f"event {position} has changed since it was first read")
            yield position, event
        if expected != self.tail:
            self._object(f"the log ends at {expected}, where it had {self.tail} events")

    def _judge_presence(self, unit):
        if unit.is_acknowledged:
            self.acknowledged += len(unit.answer)
            if not unit.ids:
                self.lost += len(unit.events)
                self._object(f"acknowledged as {unit.answer[0]} and not there: {unit.events[0][3][:60]!r}")
            else:
                self._compare(unit)
        elif unit.is_refused and unit.ids:
            self._object(f"event {unit.ids[0]} is there, though it was refused: {unit.answer}")
        if unit.ids and len(unit.ids) != len(unit.events):
            self._object(f"of a transaction of {len(unit.events)}, {len(unit.ids)} events are there, from {unit.ids[0]} on")

    def _compare(self, unit):
        if unit.is_acknowledged and unit.answer != unit.ids:
            self._object(f"acknowledged as {unit.answer}, and there as {unit.ids}")

    def _judge_order(self, units):
        last, missing = 0, None
        for unit in units:
            if unit.ids:
                if unit.ids[0] <= last:
                    self._object(f"event {unit.ids[0]} stands before {last}, which its client sent earlier")
                last = unit.ids[-1]
                if missing is not None:
                    self._object(f"event {last} is there, and one that its client sent before it is not: {missing!r}")
                    missing = None
            elif not unit.is_refused and missing is None:
                missing = unit.events[0][3][:60]

    def _object(self, text):
        self.violations.append(text)


def number_of(data):
    """(client, number) of an event's data; None where it is not one of ours."""
    found = NUMBERED.match(data)
    return found and (int(found[1]), int(found[2]))


def main():
    """The judge judged."""
    def event(number, client=0):
        return (b"order", b"order-1", b"created", b'{"client":%d,"number":%d,"x":1}' % (client, number), b"1", b"r", None)

    def lives(*answers, sizes=None):
        units, number = [], 0
        for answer, size in zip(answers, sizes or [1] * len(answers)):
            unit = Unit(0, [event(number + place) for place in range(size)], identified=answer is None)
            unit.answer = answer
            number += size
            units.append(unit)
        return [units]

    def judge(lives, numbers):
        oracle = Oracle()
        oracle.judge(lives, [(place + 1, one if isinstance(one, tuple) else event(one))
                             for place, one in enumerate(numbers)])
        return oracle.violations

    right = {
        "all acknowledged and there": (lives([1], [2], [3]), [0, 1, 2]),
        "unknown and there": (lives([1], None), [0, 1]),
        "unknown and not there": (lives([1], None), [0]),
        "refused and not there": (lives([1], "NOSPC x", [2]), [0, 2]),
        "a whole transaction": (lives([1, 2, 3], sizes=[3]), [0, 1, 2]),
    }
    wrong = {
        "an acknowledged event is lost": (lives([1], [2]), [0]),
        "an acknowledged event has another id": (lives([2], None), [0]),
        "an event was never sent": (lives([1]), [0, 1]),
        "an event is there twice": (lives([1], None), [0, 0]),
        "an event was changed": (lives([1]), [event(0)[:3] + (b'{"client":0,"number":0,"x":2}',) + event(0)[4:]]),
        "an event is somebody's": (lives([1]), [0, event(0)[:3] + (b"{}",) + event(0)[4:]]),
        "a refused event is there": (lives([1], "NOSPC x"), [0, 1]),
        "a transaction is there in part": (lives(None, sizes=[3]), [0, 1]),
        "a transaction is mixed": (lives(None, sizes=[3]), [0, 2, 1]),
        "two events changed places": (lives(None, None), [1, 0]),
        "an event is missing before one that is there": (lives(None, None), [1]),
    }
    failed = [name for name, case in right.items() if judge(*case)] + \
             [name for name, case in wrong.items() if not judge(*case)]
    oracle = Oracle()
    oracle.judge(lives([1]), [(2, event(0))])
    if not oracle.violations:
        failed.append("ids have a gap")
    oracle, again = Oracle(), lives(None)
    again, _ = oracle.judge(again, [(1, event(0))])
    again[0][0].answered([2])
    oracle.judge(again, [])
    if not oracle.violations:
        failed.append("an id that was tried again got another id")
    for name in failed:
        print(f"FAIL  the oracle judges wrongly: {name}")
    print(f"{'FAIL' if failed else 'ok  '}  the oracle objects to {len(wrong) + 2} wrong logs, and not to {len(right)} right ones")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
