"""Owns: the rows of peers.py that have a peer: appends, reads of one aggregate, replay, bytes on disk.

A group of rows shares its stores. `measure` gives one round's figures of one row; a wrong count ends the script.
"""

import functools
import json
import os
import subprocess

import peer_jetstream
from growth import ALONE, PAYLOAD, REDUCERS, Load, wait_until_idle
from peer_redis import Redis, benchmark
from peer_uma import Uma
from store import wait_until_sealed
from targets import Row, at_least, at_most, must

APPEND = ("EV.APPEND", "order", "order-000001", "created", PAYLOAD)
XADD = ("XADD", "order", "*", "type", "created", "aggregate", "order-000001", "data", PAYLOAD)


class Group:
    """The stores of some rows: evstored's, and those of the peers that are here."""

    rows = {}

    def __init__(self, stage, settings):
        self.stage, self.peers = stage, []
        self.daemon = stage.daemon(settings, type(self).__name__.lower())
        self.connection, self.load = self.daemon.connect(), Load(stage.options.evctl, self.daemon)
        self.uma = self.with_peer(Uma, stage.options.uma)

    def with_peer(self, peer, program):
        """A server of that kind; None where what drives it is not there."""
        if not program:
            return None
        server = peer(self.stage.folder, program, f"{peer.__name__.lower()}-{type(self).__name__.lower()}")
        self.peers.append(server)
        return server

    def close(self):
        for server in (self.daemon, *self.peers):
            server.stop()


class Appends(Group):
    # Clients, pipeline, requests; the same of UmaDB, whose batches are its pipeline: clients, rounds, batch.
    shapes = {"append-1": (1, 1, 5000, 1, 1000, 1), "append-64": (64, 1, 200_000, 64, 100, 1),
              "append-64x16": (64, 16, 1_000_000, 0, 0, 0), "append-8x512": (8, 512, 2_000_000, 4, 100, 1000)}
    rows = {
        "append-1": Row("append, 1 client, sequential", [at_least(1.2, "evstored_per_s", "redis_per_s")]),
        "append-64": Row("append, 64 clients", [at_least(1.3, "evstored_per_s", "redis_per_s"),
                                                at_least(6, "evstored_per_s", "uma_per_s")]),
        "append-64x16": Row("append, 64 clients, 16 pipelined", [at_least(3.5, "evstored_per_s", "redis_per_s")]),
        "append-8x512": Row("append, 8 clients, 512 pipelined; UmaDB 4 clients, batches of 1000",
                            [at_least(10, "evstored_per_s", "redis_per_s"), at_least(12, "evstored_per_s", "uma_per_s")]),
    }

    def __init__(self, stage):
        super().__init__(stage, ALONE)
        redis = Redis(stage.folder)
        self.peers.append(redis)
        self.redis, self.streams, self.expected = redis, redis.connect(), 0

    def measure(self, row):
        clients, pipeline, requests, uma_clients, rounds, batch = self.shapes[row]
        # A whole number of pipelines, or redis-benchmark sends more than it was asked for.
        events = -(-self.stage.scaled(requests) // pipeline) * pipeline
        shape = ("-c", clients, "-P", pipeline, "-n", events)
        redis = benchmark(self.redis.socket, *shape, *XADD)["per_s"]
        must(self.streams.ask("XLEN", "order") == events, "Redis has what was appended", str(events))
        # The next round's stream begins empty, as long as its memory is bought.
        self.streams.ask("DEL", "order")
        figures = {"evstored_per_s": benchmark(self.daemon.socket, *shape, *APPEND)["per_s"], "redis_per_s": redis}
        self.expected += events
        count = self.connection.ask("EV.COUNT")
        must(count == self.expected, "evstored has what was appended", f"{count} of {self.expected}")
        if self.uma and uma_clients:
            rounds = self.stage.scaled(rounds)
            done = self.uma("append", uma_clients, rounds, batch)
            must(done["events"] == uma_clients * rounds * batch, "UmaDB has what was appended", str(done["events"]))
            figures["uma_per_s"] = done["events"] / done["seconds"]
        return figures


class Reads(Group):
    """A million events of a hundred thousand aggregates, in no order, as evstored ships: with its projections."""

    rows = {
        "read": Row("read one aggregate of 10 events, any of 100,000, 1 client and 8",
                    [at_least(10, "evstored_1_per_s", "uma_1_per_s"), at_least(10, "evstored_8_per_s", "uma_8_per_s"),
                     at_most(3, "evstored_1_p99_us", "ping_1_p99_us"), at_most(3, "evstored_8_p99_us", "ping_8_p99_us")]),
        "state": Row("the state of such an aggregate, and its state at a time",
                     [at_most(1.5, "state_p50_us", "read_p50_us"), at_most(1.5, "state_at_p50_us", "read_p50_us"),
                      at_most(1.5, "state_at_p99_us", "read_p99_us")]),
        "delivery": Row("append acknowledged, then delivered to a live subscriber", [at_most(150, "delivery_p50_us")]),
    }
    drawn = "order-__rand_int__"

    def __init__(self, stage):
        super().__init__(stage, REDUCERS)
        self.aggregates = stage.scaled(100_000)
        self.events = -(-10 * self.aggregates // 512) * 512
        benchmark(self.daemon.socket, "-c", 8, "-P", 512, "-n", self.events, "-r", self.aggregates,
                  "EV.APPEND", "order", self.drawn, "created", PAYLOAD)
        wait_until_idle(self.connection)
        count = self.connection.ask("EV.COUNT")
        must(count == self.events, "evstored has what was appended", f"{count} of {self.events}")
        self.end = float(self.connection.ask("EV.GET", self.events)[11])
        self.check_sample()
        if self.uma:
            filled = self.uma("fill", 10 * self.aggregates, self.aggregates)["events"]
            must(filled == 10 * self.aggregates, "UmaDB has what was appended", str(filled))

    def check_sample(self):
        ask, total = self.connection.ask, 0
        middle = ask("EV.GET", self.events // 2)[11].decode()
        for number in range(0, self.aggregates, max(1, self.aggregates // 200)):
            name = f"order-{number:012d}"
            count, by_then = ask("EV.COUNT", "AGGREGATE", name), ask("EV.COUNT", "AGGREGATE", name, "UNTIL", middle)
            whole, then = (json.loads(ask("EV.STATE", name, "REDUCER", "order_counts", *at)) for at in ([], ["AT", middle]))
            read = len(ask("EV.READ", "AGGREGATE", name))
            total += count
            must(read == count == whole["events_processed"] and then["events_processed"] == by_then,
                      "an aggregate's events, their count and its states agree", f"{name}: {count}, {read}, {whole}, {then}")
        must(1000 < total < 3000, "aggregates have ten events, more or less", f"{total} in 200")

    def run(self, clients, *command):
        requests = self.stage.scaled(20_000 if clients == 1 else 100_000)
        return benchmark(self.daemon.socket, "-c", clients, "-n", requests, "-r", self.aggregates, *command)

    def measure(self, row):
        return {"read": self.measure_read, "state": self.measure_state, "delivery": self.measure_delivery}[row]()

    def measure_read(self):
        figures = {}
        for clients in (1, 8):
            ping = self.run(clients, "PING")
            read = self.run(clients, "EV.READ", "AGGREGATE", self.drawn)
            figures.update({f"evstored_{clients}_per_s": read["per_s"], f"evstored_{clients}_p50_us": read["p50_us"],
                            f"evstored_{clients}_p99_us": read["p99_us"], f"ping_{clients}_p50_us": ping["p50_us"],
                            f"ping_{clients}_p99_us": ping["p99_us"]})
            if self.uma:
                # Python's threads share one interpreter: UmaDB is given what serves it best.
                ways = [(1, 1)] if clients == 1 else [(1, 8), (2, 4), (4, 2)]
                figures[f"uma_{clients}_per_s"] = max(self.uma.reads_per_s(*way, 2, self.aggregates) for way in ways)
        return figures

    def measure_state(self):
        state = ("EV.STATE", self.drawn, "REDUCER", "order_counts")
        figures = {}
        for name, command in [("read", ("EV.READ", "AGGREGATE", self.drawn)), ("state", state),
                              ("state_at", (*state, "AT", f"{self.end:.9f}"))]:
            measured = self.run(1, *command)
            figures.update({f"{name}_p50_us": measured["p50_us"], f"{name}_p99_us": measured["p99_us"]})
        return figures

    def measure_delivery(self):
        figures = self.load("subscribe", "--events", max(500, self.stage.scaled(5000)))
        must(figures["missing"] == 0, "every event is delivered", f"{figures['missing']} are missing")
        return {f"delivery_{name}_us": figures["delivery_latency_us"][name] for name in ("p50", "p99")}


class Varied(Group):
    """The events of `evctl bench append`, the same in every store, sealed and compacted in evstored's."""

    rows = {
        "replay": Row("replay everything to a client, over the socket, decoded",
                      [at_least(4, "evstored_per_s", "uma_per_s"), at_least(10, "evstored_per_s", "jetstream_per_s")]),
        "look-up": Row("read one aggregate, everything sealed; by evctl bench, whose percentiles are exact",
                       [at_most(3, "read_1_p99_us", "ping_1_p99_us"), at_most(3, "read_8_p99_us", "ping_8_p99_us")]),
        "disk": Row("bytes on disk per event, once sealed and compacted",
                    [at_most(1 / 4, "evstored_bytes", "json_data_bytes"), at_most(1 / 4, "evstored_bytes", "json_event_bytes"),
                     at_most(1 / 3, "evstored_bytes", "uma_bytes"), at_most(1 / 3, "evstored_bytes", "jetstream_bytes")]),
    }

    def __init__(self, stage):
        super().__init__(stage, REDUCERS)
        self.jetstream = self.with_peer(peer_jetstream.JetStream, stage.jetstream)
        self.events, self.aggregates = stage.scaled(1_000_000), stage.scaled(100_000)
        self.load.fill(self.events, self.aggregates)
        wait_until_sealed(self.connection)
        self.connection.ask("EV.COMPACT")
        wait_until_idle(self.connection)
        self.bytes = self.export(table := os.path.join(stage.folder.path, "events.tsv"))
        self.bytes["evstored_bytes"] = self.daemon.log_bytes()[0]
        for name, peer in (("uma", self.uma), ("jetstream", self.jetstream)):
            if peer:
                loaded = peer("load", table)["events"]
                must(loaded == self.events, f"{name} has the same events", f"{loaded} of {self.events}")
                self.bytes[f"{name}_bytes"] = peer.bytes()
                # Nobody's caches are cold: evstored has just exported everything.
                peer("replay")
        os.remove(table)

    def export(self, path):
        """Writes category, aggregate, type and data of each event in a line. The lengths of the JSON."""
        line_bytes = data_bytes = lines = 0
        decode = json.JSONDecoder().raw_decode
        export = subprocess.Popen([self.stage.options.evctl, "-s", self.daemon.socket, "-q", "export"],
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, encoding="utf-8")
        with open(path, "w", encoding="utf-8") as file:
            for line in export.stdout:
                event, begin = json.loads(line), line.index('"data":') + 7
                data = line[begin:decode(line, begin)[1]]
                file.write(f"{event['category']}\t{event['aggregate_id']}\t{event['event_type']}\t{data}\n")
                lines += 1
                line_bytes += len(line.encode())
                data_bytes += len(data.encode())
        must(export.wait() == 0 and lines == self.events, "everything is exported", f"{lines} of {self.events}")
        return {"json_data_bytes": data_bytes, "json_event_bytes": line_bytes}

    def measure(self, row):
        return {"replay": self.measure_replay, "look-up": self.measure_look_up, "disk": self.per_event}[row]()

    def per_event(self):
        return {name: total / self.events for name, total in sorted(self.bytes.items())}

    def measure_look_up(self):
        figures = {}
        for clients, reads in ((1, 20_000), (8, 100_000)):
            read = self.load("read", "-c", clients, "--operations", self.stage.scaled(reads), "--aggregates", self.aggregates)
            each = read["events"] / read["operations"]
            must(5 < each < 20, "aggregates have ten events, more or less", f"{each:.1f}")
            for name, part in (("read", read), ("ping", read["ping"])):
                figures |= {f"{name}_{clients}_{rank}_us": part["latency_us"][rank] for rank in ("p50", "p99")}
        return figures

    def measure_replay(self):
        figures, replays = {}, {"evstored": functools.partial(self.load, "replay")}
        for name, peer in (("uma", self.uma), ("jetstream", self.jetstream)):
            if peer:
                replays[name] = functools.partial(peer, "replay")
        for name, replay in replays.items():
            done = replay()
            must(done["events"] == self.events, f"{name} replays everything", f"{done['events']} of {self.events}")
            figures[f"{name}_per_s"] = done["events"] / done["seconds"]
        return figures
