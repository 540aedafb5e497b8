"""Owns: what the scripts about faults share: a daemon of their own, clients of it, and the oracle that judges its log."""

from appenders import Client, Sources, entries
from oracle import Oracle
from store import Refused


class Scene:
    """A daemon of its own, its clients, and the judge."""

    def __init__(self, claims, folder, options, settings=None, data=None, noise=0):
        self.claims = claims
        self.daemon = folder.daemon(options.evstored, settings, data=data)
        self.sources, self.oracle = Sources(options.seed, noise), Oracle()
        self.clients, self.next_events, self.again = [], {}, {}

    def start(self, before=()):
        self.daemon.start(before=before)
        return self.daemon.connect()

    def append(self, shapes, limit=None, patient=False):
        """Clients that append until they are ended, or so many units."""
        self.clients = [Client(self.daemon.socket, self.sources, number, *shape, limit=limit, patient=patient,
                               next_event=self.next_events.get(number, 0), again=self.again.get(number, ()))
                        for number, shape in enumerate(shapes)]
        for client in self.clients:
            client.start()

    def settle(self, seconds=60):
        """Waits until the clients have ended. Whether they all did as clients do."""
        for client in self.clients:
            client.join(seconds)
            self.next_events[client.number] = client.next_event
        stuck = [client for client in self.clients if client.is_alive() or client.failure]
        for client in stuck:
            self.claims.note(f"client {client.number}: {client.failure or 'still waiting for an answer'}")
        return not stuck

    def end_clients(self, seconds=60):
        for client in self.clients:
            client.end()
        return self.settle(seconds)

    @property
    def acknowledged(self):
        return [position for client in self.clients for unit in client.life if unit.is_acknowledged
                for position in unit.answer]

    @property
    def errors(self):
        return {text.split(" ")[0] for client in self.clients for text in client.errors}

    def judge(self, connection, label):
        """The claim that the log is as it should be after what the clients were told."""
        known = self.oracle.acknowledged
        objections = self.judge_quietly(connection)
        self.claims.check(not objections, f"{label}: what was acknowledged is there, what was in flight at most once",
                          f"{self.oracle.acknowledged - known} acknowledged, tail {self.oracle.tail}")

    def judge_quietly(self, connection):
        """How many objections there are; the clients are done with then."""
        tail, before = connection.ask("EV.COUNT"), len(self.oracle.violations)
        lives = [client.life + client.again for client in self.clients]
        again, _ = self.oracle.judge(lives, entries(connection, self.oracle.tail, tail))
        for client, units in zip(self.clients, again):
            self.again[client.number] = units
        self.clients = []
        for violation in self.oracle.violations[before:before + 5]:
            self.claims.note(violation)
        return len(self.oracle.violations) - before


def attempt(connection, *command):
    """The answer; an error of the daemon's as an answer too."""
    try:
        return connection.ask(*command)
    except Refused as error:
        return error
