"""Owns: Redis 7 Streams with appendfsync always, and redis-benchmark, which drives either side of a comparison."""

import os
import subprocess
import time

from store import Connection


class Redis:
    """A server on a Unix socket with files of its own."""

    def __init__(self, folder):
        path = os.path.join(folder.path, "redis")
        os.makedirs(path)
        self.socket = os.path.join(path, "redis.sock")
        self.process = subprocess.Popen(
            ["redis-server", "--port", "0", "--unixsocket", self.socket, "--dir", path, "--appendonly", "yes",
             "--appendfsync", "always", "--save", "", "--logfile", os.path.join(path, "log")], stdin=subprocess.DEVNULL)
        folder.daemons.append(self)
        for _ in range(200):
            try:
                connection = Connection(self.socket)
                connection.ask("PING")
                connection.close()
                return
            except OSError:
                time.sleep(0.05)
        raise SystemExit("FAIL  redis-server does not answer")

    def connect(self):
        return Connection(self.socket)

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait()


def benchmark(socket, *words):
    """One run of redis-benchmark: requests a second, and percentiles in microseconds, of which it knows steps of 8."""
    done = subprocess.run(["redis-benchmark", "-s", socket, "-e", "--csv", *map(str, words)], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, check=False)
    # The name of a test is its command, commas and all; the figures are the last seven fields.
    fields = [field.strip('"') for field in done.stdout.strip().rpartition("\n")[2].rsplit(",", 7)]
    if done.returncode or "rror from server" in done.stdout + done.stderr or len(fields) != 8:
        raise SystemExit(f"FAIL  redis-benchmark {' '.join(map(str, words))[:80]}: {done.stdout[-500:]} {done.stderr[-500:]}")
    return {"per_s": float(fields[1]), "p50_us": float(fields[4]) * 1000, "p99_us": float(fields[6]) * 1000}
