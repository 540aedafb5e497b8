"""Owns: UmaDB, a Rust event store with durable appends: its server, and the work that its own Python client does.

Imported, this runs the server and, as a process of the Python that has `umadb`, itself. So run, it prints one JSON object:
    peer_uma.py URL append CLIENTS ROUNDS BATCH | fill EVENTS AGGREGATES | load FILE | replay
                    | read THREADS BEGIN SECONDS AGGREGATES
Events are made before the clock starts; `read` begins at a moment of the monotonic clock, so that several processes can.
"""

import json
import os
import random
import subprocess
import sys
import threading
import time

from growth import PAYLOAD
from listening import free_port, wait_for_port


class Uma:
    """A server with a file of its own, in the fastest of its modes that works.

    Its mmap reads, no faster here, do not find the pages beyond the first 256 MiB of a file that grew under them (0.7.8).
    """

    def __init__(self, folder, python, name):
        self.python, self.path = python, os.path.join(folder.path, name)
        os.makedirs(self.path)
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.server = subprocess.Popen(
            [os.path.join(os.path.dirname(python), "umadb"), "--listen", f"127.0.0.1:{port}", "--db-path",
             os.path.join(self.path, "uma.db"), "--read-method", "fileio", "--page-cache-max-mb", "512",
             "--pipelined-writer", "true"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        folder.daemons.append(self)
        wait_for_port(port, self.server)

    def begin(self, *words):
        return subprocess.Popen([self.python, os.path.abspath(__file__), self.url, *map(str, words)],
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)

    @staticmethod
    def end(process):
        output, _ = process.communicate()
        if process.returncode:
            raise SystemExit(f"FAIL  UmaDB's client ended with {process.returncode}")
        return json.loads(output)

    def __call__(self, *words):
        return self.end(self.begin(*words))

    def reads_per_s(self, processes, threads, seconds, aggregates):
        """Reads of one aggregate, by so many processes of so many threads at once."""
        begin = time.monotonic() + 1.5
        running = [self.begin("read", threads, begin, seconds, aggregates) for _ in range(processes)]
        return sum(self.end(process)["reads"] for process in running) / seconds

    def bytes(self):
        """Of its file as far as it is used: it grows by 256 MiB of zeros, which no event answers for."""
        with open(os.path.join(self.path, "uma.db"), "rb") as file:
            end = file.seek(0, os.SEEK_END)
            while end > 0:
                begin = max(0, end - (1 << 20))
                file.seek(begin)
                if used := len(file.read(end - begin).rstrip(b"\0")):
                    return begin + used
                end = begin
        return 0

    def stop(self):
        if self.server.poll() is None:
            self.server.terminate()
            self.server.wait()


class Work:
    def __init__(self, url):
        import umadb
        self.umadb, self.url = umadb, url
        self.client = umadb.Client(url)

    def event(self, number, aggregates=100_000):
        return self.umadb.Event("created", PAYLOAD.encode(), [f"order-{number % aggregates:012d}", "order"])

    def together(self, bodies):
        """Runs the bodies at once, each in a thread with a client of its own. Seconds from the first to the last."""
        gate = threading.Barrier(len(bodies) + 1)

        def run(body):
            client = self.umadb.Client(self.url)
            gate.wait()
            body(client)

        threads = [threading.Thread(target=run, args=(body,)) for body in bodies]
        for thread in threads:
            thread.start()
        gate.wait()
        begin = time.monotonic()
        for thread in threads:
            thread.join()
        return time.monotonic() - begin

    def append(self, clients, rounds, batch):
        clients, rounds, batch = int(clients), int(rounds), int(batch)
        before = self.client.head() or 0

        def body(number):
            batches = [[self.event(number * 7919 + round * batch + item) for item in range(batch)] for round in range(rounds)]
            return lambda client: [client.append(events) for events in batches]

        seconds = self.together([body(number) for number in range(clients)])
        return {"events": self.client.head() - before, "seconds": seconds}

    def fill(self, events, aggregates):
        events, aggregates = int(events), int(aggregates)
        for first in range(0, events, 1000):
            self.client.append([self.event(number, aggregates) for number in range(first, min(first + 1000, events))])
        return {"events": self.client.head()}

    def load(self, path):
        """Lines of category, aggregate, type and data, with tabs between them."""
        batch = []
        with open(path, "rb") as file:
            for line in file:
                category, aggregate, kind, data = line.rstrip(b"\n").split(b"\t")
                batch.append(self.umadb.Event(kind.decode(), data, [aggregate.decode(), category.decode()]))
                if len(batch) == 1000:
                    self.client.append(batch)
                    batch = []
        if batch:
            self.client.append(batch)
        return {"events": self.client.head()}

    def replay(self):
        begin = time.monotonic()
        events = sum(1 for _ in self.client.read())
        return {"events": events, "seconds": time.monotonic() - begin}

    def read(self, threads, begin, seconds, aggregates):
        threads, begin, seconds, aggregates = int(threads), float(begin), float(seconds), int(aggregates)
        query, item = self.umadb.Query, self.umadb.QueryItem
        reads, events = [0] * threads, [0] * threads

        def body(number):
            pick = random.Random(os.getpid() * 64 + number)

            def run(client):
                time.sleep(max(0, begin - time.monotonic()))
                while time.monotonic() < begin + seconds:
                    tag = f"order-{pick.randrange(aggregates):012d}"
                    events[number] += len(list(client.read(query([item(tags=[tag])]))))
                    reads[number] += 1

            return run

        self.together([body(number) for number in range(threads)])
        if sum(events) != 10 * sum(reads):
            raise SystemExit(f"{sum(events)} events in {sum(reads)} reads of ten")
        return {"reads": sum(reads)}


if __name__ == "__main__":
    print(json.dumps(getattr(Work(sys.argv[1]), sys.argv[2])(*sys.argv[3:])))
