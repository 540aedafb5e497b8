#!/usr/bin/env python3
"""Owns: the claim that clients which mean no good, or go wrong, take no more than they may, and that the others are served.

Ten thousand idle connections, floods of them, half commands, clients that read nothing, users without measure, too few
descriptors, a stop in the middle of it all. Memory is what the kernel says of the process (VmHWM, VmRSS); latencies are
told and not judged, because the machine's pace is not the daemon's.
"""

import os
import resource
import socket
import statistics
import subprocess
import sys
import threading
import time

from store import Claims, Folder, Lost, arguments, encoded, info

KIB, MIB = 1 << 10, 1 << 20
BUDGET = 64 * MIB
# What a connection may cost beside the budget: 32 KiB of shares, and its bookkeeping.
PER_CONNECTION = 48 * KIB
# What the daemon itself may come to need meanwhile: pages of the log, queries that are being answered, the allocator's
# own waste.
SLACK = 64 * MIB
SECONDS = 2
SETTINGS = {"EVSTORED_LIMITS_BUFFER_BYTES": str(BUDGET), "EVSTORED_LIMITS_COMMAND_SECONDS": str(SECONDS),
            "EVSTORED_LIMITS_WRITE_SECONDS": str(SECONDS), "EVSTORED_SEGMENT_BYTES": str(16 * MIB)}


def raw(path):
    connection = socket.socket(socket.AF_UNIX)
    # Without a time limit, so that it waits for room in the kernel's queue.
    connection.connect(path)
    connection.settimeout(60)
    return connection


def memory(daemon, key="VmRSS"):
    with open(f"/proc/{daemon.process.pid}/status") as status:
        return next(int(line.split()[1]) * KIB for line in status if line.startswith(key + ":"))


def reset_peak(daemon):
    """VmHWM begins anew. Returns what the process holds now."""
    with open(f"/proc/{daemon.process.pid}/clear_refs", "w") as file:
        file.write("5")
    return memory(daemon)


def processor_seconds(daemon):
    with open(f"/proc/{daemon.process.pid}/stat") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def eventually(what, seconds=60):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if what():
            return True
        time.sleep(0.05)
    return what()


def latencies(connection, count):
    """Median seconds of a PING and of an append."""
    medians = []
    for command in (("PING",), ("EV.APPEND", "c", "a", "t", "{}")):
        times = []
        for _ in range(count):
            begin = time.perf_counter()
            connection.ask(*command)
            times.append(time.perf_counter() - begin)
        medians.append(statistics.median(times))
    return medians


def event(size):
    return ("EV.APPEND", "c", "a", "t", b'{"p":"' + b"x" * (size - 8) + b'"}')


class Peak:
    """Claims that the memory of the daemon stays within what it may grow by."""

    def __init__(self, claims, daemon, label, connections):
        self.claims, self.daemon, self.label = claims, daemon, label
        self.allowed = BUDGET + connections * PER_CONNECTION + SLACK
        self.before = reset_peak(daemon)

    def check(self):
        grown = memory(self.daemon, "VmHWM") - self.before
        self.claims.check(grown <= self.allowed, f"{self.label}: memory stays within its limit",
                          f"{grown / MIB:.0f} MiB more at most, {self.allowed / MIB:.0f} allowed")


def idle(claims, daemon, count):
    bystander = daemon.connect()
    before, held = latencies(bystander, 300), memory(daemon)
    connections = []
    for _ in range(count):
        connections.append(raw(daemon.socket))
        connections[-1].sendall(b"PING\r\n")
        if len(connections) % 200 == 0:
            for connection in connections[-200:]:
                connection.recv(64)
    there = info(bystander)["connections"]
    claims.check(int(there) == len(connections) + 1, f"{count} idle connections are taken in", there)
    per = (memory(daemon) - held) / count
    after = latencies(bystander, 300)
    claims.check(per <= PER_CONNECTION, "an idle connection takes little", f"{per / KIB:.1f} KiB each")
    claims.note(f"beside them a PING takes {after[0] * 1e6:.0f} µs, {after[0] / before[0]:.2f} of before; "
                f"an append {after[1] * 1e6:.0f} µs, {after[1] / before[1]:.2f} of before")
    answers = 0
    for connection in connections[::max(count // 200, 1)]:
        connection.sendall(b"PING\r\n")
        answers += connection.recv(64) == b"+PONG\r\n"
    claims.check(answers == len(connections[::max(count // 200, 1)]), "they are still answered", f"{answers}")
    for connection in connections:
        connection.close()
    claims.check(eventually(lambda: info(bystander)["connections"] == "1"), "and all are let go of")
    bystander.close()


def flood(claims, daemon, count):
    bystander = daemon.connect()
    peak = Peak(claims, daemon, f"{count} connections that come and go", 512)
    for number in range(count):
        connection = raw(daemon.socket)
        # Some say nothing, some half a word, some ask and do not wait for the answer.
        if number % 3:
            connection.sendall((b"*5\r\n$9\r\nEV.AP", b"EV.READ\r\n")[number % 3 - 1])
        connection.close()
        if number % 500 == 0:
            bystander.ask("EV.APPEND", "c", "a", "t", "{}")
    peak.check()
    claims.check(eventually(lambda: info(bystander)["connections"] == "1"), "they leave nothing behind")
    bystander.close()


def half_commands(claims, daemon, count):
    bystander = daemon.connect()
    peak = Peak(claims, daemon, f"{count} half commands of a MiB", count)
    connections = [raw(daemon.socket) for _ in range(count)]
    half = encoded(event(MIB))[:MIB - 1000]

    def send(connection):
        try:
            connection.sendall(half)
        except OSError:
            pass  # cut, which is what is claimed below

    threads = [threading.Thread(target=send, args=(connection,), daemon=True) for connection in connections]
    for thread in threads:
        thread.start()
    served = 0
    while served < 100:
        bystander.ask("EV.APPEND", "c", "a", "t", "{}")
        served += 1
    figures = info(bystander)
    claims.check(int(figures["buffer_bytes_in"]) <= BUDGET // 2, "what they hold is within the budget",
                 f"{int(figures['buffer_bytes_in']) / MIB:.0f} MiB, {figures['buffer_waiting']} wait")
    identifier = bystander.ask(*event(900 * KIB))
    claims.check(isinstance(identifier, int), "a large append of another is done in its turn", f"event {identifier}")
    claims.check(eventually(lambda: info(bystander)["connections"] == "1", 240), "all of them are cut")
    peak.check()
    for connection in connections:
        connection.close()
    bystander.close()


def silent_readers(claims, daemon, count):
    bystander = daemon.connect()
    for _ in range(24):
        bystander.ask(*event(512 * KIB))
    peak = Peak(claims, daemon, f"{count} clients that read no answer", 2 * count)
    readers = [raw(daemon.socket) for _ in range(count)]
    for reader in readers:
        reader.sendall(encoded(("EV.READ", "COUNT", "100000")) * 3)
    subscribers = [daemon.connect(version=3) for _ in range(count)]
    for subscriber in subscribers:
        subscriber.send([("EV.SUBSCRIBE", "FROM", "1")] * 10)
    for _ in range(100):
        bystander.ask("EV.APPEND", "c", "a", "t", "{}")
    figures = info(bystander)
    claims.check(int(figures["buffer_bytes_out"]) <= BUDGET // 2, "what they are owed is within the budget",
                 f"{int(figures['buffer_bytes_out']) / MIB:.0f} MiB, {figures['buffer_waiting']} wait")
    answer = bystander.ask("EV.READ", "COUNT", "100000")
    claims.check(len(answer) > 10, "a large answer to another comes in its turn", f"{len(answer)} events")
    claims.check(eventually(lambda: info(bystander)["connections"] == "1", 240), "all of them are cut")
    peak.check()
    for connection in readers:
        connection.close()
    for subscriber in subscribers:
        subscriber.close()
    bystander.close()


def stop(claims, daemon):
    """SIGTERM while clients append and others do not read: what is acknowledged is there, the status is 0."""
    stubborn = [raw(daemon.socket) for _ in range(20)]
    for connection in stubborn:
        connection.sendall(encoded(("EV.READ", "COUNT", "100000")))
    acknowledged = []

    def append(number):
        connection, last = daemon.connect(), 0
        try:
            while True:
                connection.send([("EV.APPEND", "stop", f"a-{number}", "t", "{}")] * 100)
                for _ in range(100):
                    last = connection.receive()
                    if not isinstance(last, int):
                        return
                    acknowledged.append(last)
        except (Lost, OSError):
            return

    writers = [threading.Thread(target=append, args=(number,), daemon=True) for number in range(4)]
    for writer in writers:
        writer.start()
    eventually(lambda: len(acknowledged) > 2000)
    begin = time.monotonic()
    status = daemon.stop()
    claims.check(status == 0, "SIGTERM under load ends with status 0", f"after {time.monotonic() - begin:.1f} s")
    for writer in writers:
        writer.join()
    daemon.start()
    connection = daemon.connect()
    count = connection.ask("EV.COUNT", "CATEGORY", "stop")
    claims.check(count >= len(acknowledged), "what was acknowledged is there",
                 f"{len(acknowledged)} acknowledged, {count} there")
    tail = int(info(connection)["last_id"])
    claims.check(max(acknowledged) <= tail, "to the last id")
    connection.close()


def descriptors(claims, folder, binary):
    """A daemon that may open few files: it says so, and keeps enough for its log. Then there are none left all the same."""
    daemon = folder.daemon(binary, SETTINGS)
    daemon.data, daemon.socket = daemon.data + "-small", daemon.socket + "-small"
    limit = 64
    daemon.start(before=["prlimit", f"--nofile={limit}:{limit}"])
    claims.check("room for 32 connections" in daemon.notes(), "with 64 descriptors it says how many connections fit")
    first = daemon.connect()
    connections = [raw(daemon.socket) for _ in range(60)]
    for connection in connections:
        connection.sendall(b"PING\r\n")
    answers = [connection.recv(100) for connection in connections]
    served, refused = answers.count(b"+PONG\r\n"), sum(answer.startswith(b"-ERR max") for answer in answers)
    claims.check((served, refused) == (31, 29), "those are served, the others told", f"{served} and {refused}")
    for _ in range(3):
        first.ask(*event(1000))
        first.ask("EV.ROLL")
    claims.check(first.ask("EV.COUNT") == 3 and info(first)["state"] == "ok", "and the log has what it needs")
    for connection in connections:
        connection.close()
    eventually(lambda: info(first)["connections"] == "1")

    left = 5
    lowered = len(os.listdir(f"/proc/{daemon.process.pid}/fd")) + left
    resource.prlimit(daemon.process.pid, resource.RLIMIT_NOFILE, (lowered, limit))
    connections = [raw(daemon.socket) for _ in range(20)]
    for connection in connections:
        connection.settimeout(0.1)
        connection.sendall(b"PING\r\n")
    claims.check(eventually(lambda: "no connection can be taken in" in daemon.notes()), "none is left, and it says so")
    spent = processor_seconds(daemon)
    time.sleep(2)
    spent = processor_seconds(daemon) - spent
    claims.check(spent < 0.2, "waiting for one takes no processor", f"{spent:.2f} s of 2")
    claims.check(first.ask(*event(1000)) == 4, "who is connected is served")
    served, waiting = [], []
    for connection in connections:
        try:
            (served if connection.recv(64) == b"+PONG\r\n" else waiting).append(connection)
        except TimeoutError:
            waiting.append(connection)
    for connection in served:
        connection.close()
    claims.check(min(len(served), len(waiting)) > 0, "some were served, and some wait", f"{len(served)} and {len(waiting)}")
    late = 0
    for connection in waiting:
        connection.settimeout(30)
        late += connection.recv(64) == b"+PONG\r\n"
        connection.close()
    claims.check(late == len(waiting), "when descriptors come back, those are served too", f"{late}")
    claims.check(daemon.stop() == 0, "and it stops with status 0")


FLOOD = """
import socket, sys
connections, refused = [], b""
for _ in range(int(sys.argv[2])):
    connection = socket.socket(socket.AF_UNIX); connection.settimeout(30); connection.connect(sys.argv[1])
    connection.sendall(b"PING\\r\\n"); connections.append(connection)
answers = []
for connection in connections:
    try: answers.append(connection.recv(200))
    except OSError: answers.append(b"")
print(sum(answer == b"+PONG\\r\\n" for answer in answers), sum(b"of one user" in answer for answer in answers), flush=True)
sys.stdin.read()
"""


def users(claims, folder, binary):
    """Another user floods; needs root to be another user."""
    if os.getuid() != 0:
        return claims.note("not root: the flood of another user is left out")
    os.chmod(folder.path, 0o755)
    settings = dict(SETTINGS, EVSTORED_SOCKET_MODE="0666", EVSTORED_LIMITS_CONNECTIONS="400")
    daemon = folder.daemon(binary, settings)
    daemon.data, daemon.socket = daemon.data + "-users", daemon.socket + "-users"
    daemon.start()
    # The interpreter that runs this may lie where only root may look.
    python = "/usr/bin/python3" if os.path.exists("/usr/bin/python3") else sys.executable
    other = subprocess.Popen([python, "-c", FLOOD, daemon.socket, "350"], user=65534, stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE, text=True)
    served, refused = map(int, other.stdout.readline().split())
    claims.check((served, refused) == (300, 50), "a user has three quarters of the connections and no more",
                 f"{served} of 400 served, {refused} refused")
    claims.check(daemon.connect().ask("EV.COUNT") == 0, "who looks after the daemon still gets in")
    other.stdin.close()
    other.wait()
    claims.check(daemon.stop() == 0, "and it stops with status 0")


def main():
    parser = arguments("Clients that mean no good.")
    parser.add_argument("--idle", type=int, default=10_000)
    parser.add_argument("--flood", type=int, default=20_000)
    parser.add_argument("--half", type=int, default=200)
    parser.add_argument("--silent", type=int, default=100)
    options = parser.parse_args()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    claims = Claims()
    with Folder() as folder:
        settings = dict(SETTINGS, EVSTORED_LIMITS_CONNECTIONS=str(options.idle + 1000))
        daemon = folder.daemon(options.evstored, settings)
        daemon.start()
        claims.note(f"a budget of {BUDGET / MIB:.0f} MiB, {memory(daemon) / MIB:.0f} MiB held at the start")
        idle(claims, daemon, options.idle)
        flood(claims, daemon, options.flood)
        half_commands(claims, daemon, options.half)
        silent_readers(claims, daemon, options.silent)
        stop(claims, daemon)
        claims.check(daemon.stop() == 0, "a stop ends with status 0")
        descriptors(claims, folder, options.evstored)
        users(claims, folder, options.evstored)
        claims.end(daemon)


if __name__ == "__main__":
    main()
