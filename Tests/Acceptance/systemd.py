#!/usr/bin/env python3
"""Owns: the claim that the service behaves under a real systemd: started by its socket, started again after a kill and
after a crash of the machine, aborted where it hangs; after every mistake of a first day back by itself once the mistake
is mended, with the socket standing and clients waiting in it meanwhile; with a second socket that reads, and does no
more; and within the unit's own limits whatever ordinary users ask of it, while another of them is served.

The machine is a container that a tool of the caller's makes and breaks: --host names it, or EVSTORE_SYSTEMD_HOST. It takes
`up` (and prints the pid of the container's init at the end of its line), `run COMMAND…`, `copy SOURCE DESTINATION`,
`crash` (SIGKILL to all of it) and `down`. Without one, nothing is tried, and the script says so. The machine's users
are played by processes outside of it that have their ids, which takes root.
"""

import contextlib
import multiprocessing
import os
import re
import select
import socket
import subprocess
import sys
import tempfile
import threading
import time
import types

from appenders import Client, Sources, entries
from hostile import MIB, eventually
from oracle import Oracle
from questions import Bystander, alternatives
from store import TOP, Claims, Connection, Lost, Refused, arguments, encoded, event_map, info

SHAPES = [(64, 1, False), (4, 8, False), (8, 1, True), (1, 1, False)]
DATA = "/var/lib/evstored"
SOCKET, READ_ONLY = "evstored.sock", "evstored-read-only.sock"
UNITS = ["evstored.socket", "evstored.service"]
# What a real one waits for in half a minute.
DROP_IN = "[Service]\nWatchdogSec=3\n"
DROP_INS = "/etc/systemd/system/evstored.service.d"
GREEDY, OTHER, READER = ["ann", "ben", "cas"], "eve", "rea"
# Seconds: another user is answered so soon, and the watchdog is fed so often, whatever three users do.
SOON, FED = 1, 15


class Machine:
    def __init__(self, tool):
        self.tool, self.init = tool, None

    def __call__(self, *command, check=True):
        """Runs a command on it; what it printed."""
        done = subprocess.run([self.tool, "run", *command], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              check=False)
        if check and done.returncode:
            raise SystemExit(f"FAIL  {' '.join(command)}: {done.stdout}{done.stderr}")
        return done.stdout.strip()

    def up(self):
        # Not by a pipe: what stays behind would keep it open.
        with tempfile.TemporaryFile("w+") as output:
            done = subprocess.run([self.tool, "up"], stdin=subprocess.DEVNULL, stdout=output, check=False)
            output.seek(0)
            text = output.read()
        if done.returncode:
            raise SystemExit(f"FAIL  the machine does not come up: {text}")
        self.init = int(re.search(r"(\d+)\s*$", text)[1])

    def crash(self):
        subprocess.run([self.tool, "crash"], stdin=subprocess.DEVNULL, check=True)

    def down(self):
        subprocess.run([self.tool, "down"], stdin=subprocess.DEVNULL, check=False)

    def copy(self, source, destination, mode=0o644):
        self("mkdir", "-p", os.path.dirname(destination))
        subprocess.run([self.tool, "copy", source, destination], stdin=subprocess.DEVNULL, check=True)
        self("chown", "root:root", destination)
        self("chmod", f"{mode:o}", destination)

    @property
    def sockets(self):
        """The folder of the service's sockets, seen from outside."""
        return os.path.join("/proc", str(self.init), "root", "run")

    @property
    def socket(self):
        return os.path.join(self.sockets, SOCKET)

    @property
    def read_only(self):
        return os.path.join(self.sockets, READ_ONLY)

    def show(self, name):
        return self("systemctl", "show", "evstored.service", "--value", "--property", name)

    def wait(self, name, value, seconds=30):
        deadline = time.monotonic() + seconds
        while self.show(name) != value and time.monotonic() < deadline:
            time.sleep(0.1)
        return self.show(name)

    def user(self, name, group):
        """An ordinary user of a group."""
        self("useradd", "--no-create-home", "--groups", group, name, check=False)
        return User(self, name)


class User:
    """An ordinary user of the machine."""

    def __init__(self, machine, name):
        self.machine, self.name = machine, name
        self.number, self.group = (int(machine("id", option, name)) for option in ("-u", "-g"))
        self.groups = [int(group) for group in machine("id", "-G", name).split()]

    @contextlib.contextmanager
    def being(self):
        """What is connected meanwhile is connected by that user, from the folder of the sockets: its path is root's."""
        folder, groups = os.getcwd(), os.getgroups()
        os.chdir(self.machine.sockets)
        os.setgroups(self.groups)
        os.setegid(self.group)
        os.seteuid(self.number)
        try:
            yield
        finally:
            os.seteuid(0)
            os.setegid(0)
            os.setgroups(groups)
            os.chdir(folder)

    def begin(self, body, *words):
        """Has a process of that user do something. It, and our end of its pipe."""
        ours, its = multiprocessing.Pipe()

        def work():
            with self.being():
                body(its, *words)

        process = multiprocessing.get_context("fork").Process(target=work, daemon=True)
        process.start()
        return process, ours


class Larger(Bystander):
    """One that asks for what takes more than the room which each connection has to itself."""

    QUESTIONS = {
        "an append of 100 kB": ("EV.APPEND", "c", "bystander", "t", f'{{"p":"{"x" * 100_000}"}}'),
        "a page of 1 MB": ("EV.READ", "CATEGORY", "large", "COUNT", "4"),
    }


def bystand(pipe, kind, seconds):
    """The other user. Tells whom the daemon takes it for, and the 99th percentiles while it is quiet; once it is told
    to, those of some seconds. What went wrong, where something did."""
    try:
        other = kind(None, types.SimpleNamespace(connect=lambda: Connection(SOCKET)))
        other.connection.socket.settimeout(seconds)
        pipe.send((event_map(other.connection.ask("EV.WHOAMI"))["user"].decode(), other.quiet))
        pipe.recv()
        pipe.send(other.look(seconds))
    except (OSError, Lost, Refused) as error:
        pipe.send(repr(error))


def greed(pipe, kinds):
    """A user with so many connections of each kind, on each of which something is sent, and nothing read. Those that
    are cut come again. Tells every second how many there have been."""
    poll, held, made, told = select.poll(), {}, 0, time.monotonic()
    waiting = [words for count, words in kinds for _ in range(count)]
    while True:
        # Not all that were cut at once.
        for words in waiting[:100]:
            connection = socket.socket(socket.AF_UNIX)
            try:
                connection.connect(SOCKET)
            except OSError:
                # The socket has gone.
                return
            connection.setblocking(False)
            held[connection.fileno()] = [connection, words, memoryview(words)]
            poll.register(connection, select.POLLOUT)
            made += 1
        waiting = waiting[100:]
        for descriptor, events in poll.poll(0 if waiting else 100):
            connection, words, rest = held[descriptor]
            if events & (select.POLLHUP | select.POLLERR):
                poll.unregister(held.pop(descriptor)[0])
                connection.close()
                waiting.append(words)
                continue
            with contextlib.suppress(OSError):
                held[descriptor][2] = rest[connection.send(rest):]
            if not held[descriptor][2]:
                poll.modify(descriptor, 0)
        if time.monotonic() - told > 1:
            told = time.monotonic()
            pipe.send(made)


class Limits:
    """The unit's limits of memory and tasks, and what the kernel says of the service in them. Where the kernel has
    these controllers in version 1, this systemd does without. Then the service is started in groups that are made here,
    within those that it would be in, with the same limits; but for MemoryHigh, which version 1 does not have."""

    NAME = "evstored-trial"

    def __init__(self, machine):
        machine("systemctl", "start", "evstored.service")
        self.machine, self.made = machine, {}
        self.memory, self.high = int(machine.show("MemoryMax")), int(machine.show("MemoryHigh"))
        self.tasks = int(machine.show("TasksMax"))
        self.watchdog, self.stop = machine.show("WatchdogUSec"), machine.show("TimeoutStopUSec")
        self.folder = os.path.join("/proc", str(machine.init), "root", f"sys/fs/cgroup{machine.show('ControlGroup')}")
        self.is_systemds = os.path.exists(f"{self.folder}/memory.events")
        if not self.is_systemds:
            self._make("memory", "memory.limit_in_bytes", self.memory)
            self._make("pids", "pids.max", self.tasks)

    @property
    def are_in_force(self):
        return self.is_systemds or len(self.made) == 2

    def _make(self, controller, limit, value):
        with open(f"/proc/{self.machine.init}/cgroup") as groups:
            paths = [line.rstrip("\n").split(":", 2)[2] for line in groups if f":{controller}:" in line]
        for base in [f"/sys/fs/cgroup/{controller}{path}" for path in paths]:
            if os.path.exists(f"{base}/cgroup.procs"):
                self.made[controller] = base
                os.makedirs(f"{base}/{self.NAME}", exist_ok=True)
                self._write(controller, limit, value)

    def _write(self, controller, name, value, folder=NAME):
        with open(os.path.join(self.made[controller], folder, name), "w") as file:
            file.write(str(value))

    def _read(self, controller, name):
        folder = self.folder if self.is_systemds else f"{self.made[controller]}/{self.NAME}"
        with open(os.path.join(folder, name)) as file:
            return file.read()

    def _numbers(self, name):
        return {key: int(value) for key, value in map(str.split, self._read("memory", name).splitlines())}

    def start(self):
        """Starts the service anew. What init starts is in the groups that init is in."""
        try:
            for controller in self.made:
                self._write(controller, "cgroup.procs", self.machine.init)
            self.machine("systemctl", "restart", "evstored.service")
        finally:
            for controller in self.made:
                self._write(controller, "cgroup.procs", self.machine.init, folder="")
        if self.made:
            self._write("memory", "memory.max_usage_in_bytes", 0)

    @property
    def held(self):
        """Bytes that cannot be given back when they are wanted: all but the page cache."""
        if self.is_systemds:
            figures = self._numbers("memory.stat")
            return figures["anon"] + figures["kernel"] - figures["slab_reclaimable"]
        return self._numbers("memory.stat")["total_rss"] + int(self._read("memory", "memory.kmem.usage_in_bytes"))

    @property
    def peak(self):
        return int(self._read("memory", "memory.peak" if self.is_systemds else "memory.max_usage_in_bytes"))

    @property
    def kills(self):
        return self._numbers("memory.events" if self.is_systemds else "memory.oom_control")["oom_kill"]

    @property
    def running(self):
        return int(self._read("pids", "pids.current"))

    def end(self):
        """Removes the groups, which are empty once the service has ended."""
        for base in self.made.values():
            eventually(lambda path=f"{base}/{self.NAME}": self._is_removed(path), 10)

    @staticmethod
    def _is_removed(path):
        with contextlib.suppress(OSError):
            os.rmdir(path)
        return not os.path.exists(path)


class Watch(threading.Thread):
    """Looks at the service twice a second, and keeps the most that it has seen."""

    NAMES = ["MainPID", "NRestarts", "Result", "WatchdogTimestampMonotonic"]

    def __init__(self, limits):
        super().__init__(daemon=True)
        self.limits, self.ended = limits, threading.Event()
        self.held = self.tasks = self.unfed = 0
        self.since = limits.machine("date", "+%Y-%m-%d %H:%M:%S")
        self.kills, self.first, self.last = limits.kills, self.state(), None

    def state(self):
        shown = self.limits.machine("systemctl", "show", "evstored.service", "--property", ",".join(self.NAMES))
        return dict(line.split("=", 1) for line in shown.splitlines())

    def run(self):
        while not self.ended.wait(0.5):
            # Systemd's group is gone while the service is started again.
            with contextlib.suppress(OSError):
                self.held, self.tasks = max(self.held, self.limits.held), max(self.tasks, self.limits.running)
            if fed := int(self.state()["WatchdogTimestampMonotonic"]):
                self.unfed = max(self.unfed, time.monotonic() - fed / 1e6)

    def judge(self, claims, label):
        self.ended.set()
        self.join()
        self.last, limits = self.state(), self.limits
        journal = limits.machine("journalctl", "--no-pager", "-u", "evstored.service", "--since", self.since)
        complaints = re.findall(r".*(?:\boom\b|out of memory|status=9|watchdog timeout).*", journal, re.IGNORECASE)
        restarts, kills = (int(self.last["NRestarts"]) - int(self.first["NRestarts"]), limits.kills - self.kills)
        claims.check(self.last["MainPID"] == self.first["MainPID"] and self.last["Result"] == "success"
                     and not restarts and not kills and not complaints, f"{label}: the service is never killed",
                     "; ".join([f"{restarts} restarts", f"{kills} kills for want of memory", *complaints[:1]]))
        claims.check(self.held < limits.high, f"{label}: what it cannot give back stays below MemoryHigh",
                     f"{self.held / MIB:.0f} MiB of {limits.high / MIB:.0f}, MemoryMax is {limits.memory / MIB:.0f}; "
                     f"{limits.peak / MIB:.0f} with the page cache")
        claims.check(self.tasks < limits.tasks, f"{label}: it has fewer tasks than TasksMax",
                     f"{self.tasks} of {limits.tasks}")
        claims.check(self.unfed < FED, f"{label}: the watchdog is fed",
                     f"{self.unfed:.1f} s between two times at most, {limits.watchdog} allowed")


class Trial:
    def __init__(self, claims, machine, options):
        self.claims, self.machine, self.options = claims, machine, options
        self.oracle, self.sources = Oracle(), Sources(options.seed)
        self.clients, self.again, self.next_events = [], [[] for _ in SHAPES], [0] * len(SHAPES)

    def install(self):
        machine, built = self.machine, self.options.built
        machine("systemctl", "stop", *UNITS, check=False)
        # Of a trial that was broken off, too.
        machine("rm", "-rf", DATA, "/etc/evstored", DROP_INS)
        for name in ("evstored", "evctl"):
            path = os.path.join(built, name)
            machine.copy(path, f"/usr/bin/{name}", 0o755)
            # A build finds its libraries where they were: Swift's, and what the machine was made without.
            for library in re.findall(r"=> (/\S+)", subprocess.check_output(["ldd", path], text=True)):
                if machine("ls", library, check=False) != library:
                    machine.copy(os.path.realpath(library), library, 0o755)
        machine.copy(f"{TOP}/config/evstored.yaml", "/etc/evstored/evstored.yaml")
        for name in os.listdir(f"{TOP}/config/reducers"):
            machine.copy(f"{TOP}/config/reducers/{name}", f"/etc/evstored/reducers/{name}")
        for name in ("evstored.service", "evstored.socket"):
            machine.copy(f"{TOP}/systemd/{name}", f"/etc/systemd/system/{name}")
        machine.copy(f"{TOP}/systemd/evstored.sysusers", "/usr/lib/sysusers.d/evstored.conf")
        with tempfile.NamedTemporaryFile("w") as file:
            file.write(DROP_IN)
            file.flush()
            machine.copy(file.name, f"{DROP_INS}/watchdog.conf")
        machine("systemd-sysusers")
        machine("systemctl", "daemon-reload")
        machine("systemctl", "reset-failed", "evstored.service", "evstored.socket", check=False)
        machine("systemctl", "enable", "--now", "evstored.socket")

    def connect(self, seconds=60, path=None):
        """A connection whose first question has been answered; the service manager keeps it waiting until then."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                connection = Connection(path or self.machine.socket)
                connection.ask("EV.COUNT")
                return connection
            except (OSError, Lost, Refused):
                if time.monotonic() > deadline:
                    raise SystemExit(f"FAIL  no answer within {seconds} s:\n{self.journal()}") from None
                time.sleep(0.05)

    def journal(self, lines=30):
        return self.machine("journalctl", "--no-pager", "-u", "evstored.service", "-n", str(lines), check=False)

    def begin(self):
        self.clients = [Client(self.machine.socket, self.sources, number, *shape, next_event=self.next_events[number],
                               again=self.again[number]) for number, shape in enumerate(SHAPES)]
        for client in self.clients:
            client.start()
        time.sleep(0.5)

    def judge(self, connection, label):
        lives = []
        for client in self.clients:
            client.end()
            client.join(60)
            self.next_events[client.number] = client.next_event
            lives.append(client.life + client.again)
        before, known = len(self.oracle.violations), self.oracle.acknowledged
        tail = connection.ask("EV.COUNT")
        self.again, _ = self.oracle.judge(lives, entries(connection, self.oracle.tail, tail))
        for violation in self.oracle.violations[before:before + 5]:
            self.claims.note(violation)
        self.claims.check(len(self.oracle.violations) == before, f"{label}: nothing acknowledged is lost",
                          f"{self.oracle.acknowledged - known} acknowledged, tail {tail}")
        self.claims.check(info(connection)["state"] == "ok", f"{label}: the store is well")

    def activation(self):
        state = self.machine.show("ActiveState")
        self.claims.check(state == "inactive", "the service rests until somebody connects", state)
        connection = self.connect()
        state = self.machine.show("ActiveState")
        self.claims.check(state == "active", "a connection starts it, and is answered", state)
        self.begin()
        self.judge(connection, "socket activation")
        connection.close()

    def kill(self):
        restarts = int(self.machine.show("NRestarts"))
        self.begin()
        self.machine("systemctl", "kill", "--signal=KILL", "evstored.service")
        begin = time.monotonic()
        connection = self.connect()
        seconds = time.monotonic() - begin
        self.judge(connection, "SIGKILL of the service")
        now = int(self.machine.show("NRestarts"))
        self.claims.check(now == restarts + 1, "SIGKILL of the service: it is started again, once",
                          f"{now - restarts}, first answer after {seconds:.1f} s")
        connection.close()

    def crash(self):
        self.begin()
        self.machine.crash()
        for client in self.clients:
            client.join(60)
        self.machine.up()
        connection = self.connect()
        self.judge(connection, "row 46: SIGKILL of the whole machine")
        connection.close()

    def hang(self):
        restarts = int(self.machine.show("NRestarts"))
        self.begin()
        pid = self.machine.show("MainPID")
        self.machine("systemctl", "kill", "--signal=STOP", "evstored.service")
        begin = time.monotonic()
        while self.machine.show("MainPID") in (pid, "0") and time.monotonic() - begin < 60:
            time.sleep(0.2)
        connection = self.connect()
        seconds = time.monotonic() - begin
        now = int(self.machine.show("NRestarts"))
        self.claims.check(now == restarts + 1 and "Watchdog timeout" in self.journal(),
                          "row 47: a daemon that hangs is aborted by the watchdog and started again",
                          f"{seconds:.1f} s after it stopped")
        self.judge(connection, "row 47: a daemon that hangs")
        connection.close()

    def stop(self):
        self.begin()
        self.machine("systemctl", "stop", *UNITS)
        result, status = self.machine.show("Result"), self.machine.show("ExecMainStatus")
        self.claims.check((result, status) == ("success", "0"), "row 48: a stop under load ends with status 0",
                          f"{result}, {status}")
        self.machine("systemctl", "start", "evstored.socket")
        connection = self.connect()
        self.judge(connection, "row 48: a stop under load")
        connection.close()

    def write(self, path, text):
        with tempfile.NamedTemporaryFile("w") as file:
            file.write(text)
            file.flush()
            self.machine.copy(file.name, path)

    def mistake(self, label, spoil, mend, status):
        """Makes a mistake, restarts the service as somebody would, and has clients connect: nothing is to be served, and nobody to be
        refused. Then mends it, and does nothing more: it is to be served again."""
        machine = self.machine
        spoil()
        restart = subprocess.run([machine.tool, "run", "systemctl", "restart", "evstored.service"], stdin=subprocess.DEVNULL,
                                 capture_output=True, text=True, check=False)
        self.claims.check(restart.returncode != 0, f"{label}: systemctl restart fails")
        client = Connection(machine.socket)
        client.socket.settimeout(12)
        # It waits; or is told LOADING and cut off, where the daemon gets as far as to its store.
        try:
            client.ask("EV.COUNT")
            self.claims.check(False, f"{label}: nothing is served")
        except (TimeoutError, Lost, Refused):
            pass
        client.close()
        time.sleep(5)
        # Others come, too, and as often as they like.
        try:
            for _ in range(40):
                Connection(machine.socket).close()
            refused = ""
        except OSError as error:
            refused = str(error)
        # While it is tried once more there is no status.
        found = [machine.wait("ExecMainStatus", str(status), 5),
                 machine("systemctl", "is-active", "evstored.socket", check=False)]
        self.claims.check(found == [str(status), "active"] and not refused,
                          f"{label}: status {status}, the socket stands, and refuses nobody",
                          ", ".join(found + [f"{machine.show('NRestarts')} starts", refused]))
        begin = time.monotonic()
        mend()
        connection = self.connect()
        seconds = time.monotonic() - begin
        self.claims.check(connection.ask("EV.COUNT") == self.oracle.tail and seconds < 10,
                          f"{label}: mended, it answers again without anybody's help", f"after {seconds:.1f} s")
        connection.close()
        # The cure that everybody tries first works, too, and at once.
        begin = time.monotonic()
        machine("systemctl", "restart", "evstored.service")
        self.connect().close()
        self.claims.check(time.monotonic() - begin < 10, f"{label}: a restart works at once",
                          f"{time.monotonic() - begin:.1f} s")

    def mistakes(self):
        machine = self.machine
        file, unit = "/etc/evstored/evstored.yaml", f"{DROP_INS}/mistake.conf"
        with open(f"{TOP}/config/evstored.yaml") as sample:
            good = sample.read()

        def mend():
            self.write(file, good)
            machine("rm", "-f", unit)
            machine("systemctl", "daemon-reload")

        def given(line):
            self.write(unit, f"[Service]\n{line}\n")
            machine("systemctl", "daemon-reload")

        self.mistake("a typo in the configuration", lambda: self.write(file, good + "\nsokcet: /x\n"), mend, 78)
        self.mistake("a configuration that is gone", lambda: machine("rm", file), mend, 78)
        self.mistake("an empty data directory in the environment", lambda: given("Environment=EVSTORED_DATA_DIR="), mend, 78)
        self.mistake("a store of another version", lambda: machine("sed", "-i", 's/"format":2/"format":9/', f"{DATA}/store.json"),
                     lambda: machine("sed", "-i", 's/"format":9/"format":2/', f"{DATA}/store.json"), 65)

        # These stop nothing.
        folder = "/etc/evstored/reducers"
        machine("ln", "-sf", "/nowhere", f"{folder}/link.lua")
        machine("mkfifo", f"{folder}/pipe.lua")
        machine("mkdir", f"{folder}/folder.lua")
        self.write(f"{folder}/order_counts.lua", "return {")
        given("Environment=EVSTORED_PORT=tcp://10.96.0.7:6379")
        begin = time.monotonic()
        machine("systemctl", "restart", "evstored.service")
        connection = self.connect()
        connection.ask("EV.APPEND", "c", "first-day", "t", "{}")
        listed = machine("evctl", "reducer", "list")
        health = machine("evctl", "projection", "list", check=False)
        journal = self.journal(40)
        self.claims.check(all(name in listed for name in ("link", "pipe", "folder")) and "faulted" in health
                          and "EVSTORED_PORT" in journal,
                          "a dangling link, a pipe, a folder, a broken reducer, a stranger's variable: it starts, takes appends, "
                          "and tells all of them", f"{time.monotonic() - begin:.1f} s")
        connection.close()
        reload = ["systemctl", "reload", "evstored.service"]
        done = subprocess.run([machine.tool, "run", *reload], stdin=subprocess.DEVNULL, capture_output=True, check=False)
        self.claims.check(done.returncode != 0 and "order_counts.lua:1:" in self.journal(10),
                          "a reload that reloads nothing fails, and the journal says why")
        machine("rm", "-r", f"{folder}/link.lua", f"{folder}/pipe.lua", f"{folder}/folder.lua")
        machine.copy(f"{TOP}/config/reducers/order_counts.lua", f"{folder}/order_counts.lua")
        self.write(file, good + "\nlog_level: debug\n")
        machine(*reload)
        self.claims.check("faulted" not in machine("evctl", "projection", "list") and "log_level" in self.journal(10),
                          "a reload that reloads all succeeds, and names what waits for a restart")
        mend()
        machine("systemctl", "restart", "evstored.service")
        self.claims.check("priority" not in self.journal(200), "nothing complains of priorities")

    def either(self, label):
        """Judges what the two sockets do for root."""
        first, second = self.connect(), self.connect(path=self.machine.read_only)
        name = f"seen {label}"
        event = first.ask("EV.APPEND", "c", name, "t", "{}")
        who, other = (event_map(connection.ask("EV.WHOAMI")) for connection in (second, first))
        found = [second.ask("EV.COUNT"), len(second.ask("EV.READ", "AGGREGATE", name)), who["socket"], who["roles"]]
        self.claims.check(found == [event, 1, b"read-only", [b"read"]] and other["socket"] == b"read-write",
                          f"{label}: the read-only socket reads what the other appends, and says what it is",
                          f"{found}")
        refusals = []
        for command in (("EV.APPEND", "c", "a", "t", "{}"), ("EV.ROLL",), ("EV.RELOAD",), ("EV.FOLD", "LUA", "x")):
            try:
                refusals.append(f"{command[0]} answered {second.ask(*command)}")
            except Refused as error:
                refusals.append(str(error))
        self.claims.check(all(refusal.startswith("NOPERM") for refusal in refusals) and first.ask("EV.COUNT") == event,
                          f"{label}: it refuses root an append, upkeep, a reload and Lua", refusals[0])
        first.close()
        second.close()

    def read_only(self):
        """As the README has it."""
        machine, sockets = self.machine, ["evstored-read-only.socket", "evstored.socket"]
        machine.copy(f"{TOP}/systemd/{sockets[0]}", f"/etc/systemd/system/{sockets[0]}")
        machine("systemctl", "daemon-reload")
        machine("systemctl", "stop", *UNITS)
        machine("systemctl", "enable", "--now", *sockets)
        for label, path in (("the read-only socket", machine.read_only), ("the other socket", machine.socket)):
            before = machine.show("ActiveState")
            self.connect(path=path).close()
            after = machine.show("ActiveState")
            self.claims.check((before, after) == ("inactive", "active"), f"{label} starts the service",
                              f"{before}, {after}")
            self.either(f"started by {label}")
            machine("systemctl", "restart", "evstored.service")
            self.either(f"started by {label}, and restarted")
            machine("systemctl", "stop", *sockets, "evstored.service")
            machine("systemctl", "start", *sockets)
        reader, client = machine.user(READER, "evstore-readers"), machine.user(OTHER, "evstore-clients")
        found = []
        for user, path in ((reader, READ_ONLY), (client, SOCKET), (reader, SOCKET), (client, READ_ONLY)):
            with user.being():
                try:
                    connection = Connection(path)
                    found.append(event_map(connection.ask("EV.WHOAMI"))["user"].decode())
                    connection.close()
                except PermissionError:
                    found.append("refused")
        self.claims.check(found == [READER, OTHER, "refused", "refused"], "each of the sockets is for its own group",
                          ", ".join(found))
        machine("systemctl", "stop", *UNITS)
        with contextlib.suppress(OSError):
            Connection(machine.read_only).close()
        time.sleep(1)
        state = machine.show("ActiveState")
        self.claims.check(state == "inactive", "stopped to stay so, it is not started by the read-only socket", state)
        machine("systemctl", "disable", "--now", sockets[0])

    def shared(self):
        """Ordinary users of the service as it is shipped, in the limits of its unit."""
        machine = self.machine
        machine("systemctl", "stop", *UNITS)
        machine("rm", "-rf", DATA, DROP_INS)
        machine("systemctl", "daemon-reload")
        machine("systemctl", "start", "evstored.socket")
        limits = Limits(machine)
        users = [machine.user(name, "evstore-clients") for name in GREEDY]
        try:
            if not limits.are_in_force:
                return self.claims.skip("users who share the service: the kernel holds it to no limits here")
            if not limits.is_systemds:
                self.claims.note("the kernel has version 1 of the limits: MemoryHigh is not in force")
            for step in (self.worst, self.unread, self.large_states):
                limits.start()
                step(limits, users)
        finally:
            machine("systemctl", "stop", *UNITS)
            limits.end()

    def ask_all(self, commands, at_once=1000):
        connection = self.connect()
        for start in range(0, len(commands), at_once):
            part = commands[start:start + at_once]
            connection.send(part)
            for _ in part:
                if isinstance(answer := connection.receive(), Refused):
                    raise answer
        connection.close()

    def together(self, label, limits, users, kinds, seconds, at_the_end=lambda: None):
        """While each of the users has so many connections of each kind, the service is to be well, and another user is
        to be answered. What is done at the end is done while they are still there."""
        other = self.machine.user(OTHER, "evstore-clients")
        processes = [other.begin(bystand, kind, seconds) for kind in (Bystander, Larger)]
        bystanders = [pipe for _, pipe in processes]
        try:
            quiet = [pipe.recv() for pipe in bystanders]
            watch = Watch(limits)
            processes += [user.begin(greed, kinds) for user in users]
            watch.start()
            # Let them begin.
            time.sleep(2)
            for pipe in bystanders:
                pipe.send("now")
            found = [pipe.recv() if pipe.poll(2 * seconds + 60) else "no answer" for pipe in bystanders]
            self.tell(label, [pipe for _, pipe in processes[2:]])
            watch.judge(self.claims, label)
            for (name, before), answers in zip(quiet, found):
                is_answered = isinstance(answers, dict)
                self.claims.check(is_answered and name == OTHER and max(answers.values()) < SOON,
                                  f"{label}: another user is answered {', '.join(before)}",
                                  f"{name}, at the 99th percentile " + ", ".join(
                                      f"{after * 1e3:.0f} ms ({before[question] * 1e3:.0f} when it is quiet)"
                                      for question, after in answers.items()) if is_answered else answers)
            at_the_end()
        finally:
            for process, _ in processes:
                process.kill()
                process.join()

    def tell(self, label, pipes):
        """How the daemon is while all of them are there."""
        made = 0
        for pipe in pipes:
            last = 0
            with contextlib.suppress(EOFError):
                while pipe.poll():
                    last = pipe.recv()
            made += last
        try:
            connection = Connection(self.machine.socket)
            connection.socket.settimeout(20)
            figures = info(connection)
            connection.close()
        except (OSError, Lost, Refused) as error:
            return self.claims.note(f"{label}: no figures, {error!r}")
        commands, answers = (int(figures[name]) / MIB for name in ("buffer_bytes_in", "buffer_bytes_out"))
        self.claims.note(f"{label}: {figures['connections']} connections, {made} were made; {commands:.0f} MiB of "
                         f"commands, {answers:.0f} for answers, {figures['buffer_waiting']} wait for room; "
                         f"{figures['readers_working']} questions worked on, {figures['readers_waiting']} wait")

    def worst(self, limits, users):
        """Much of everything at once; and a stop in the midst of it."""
        self.ask_all([("EV.APPEND", "order", f"o-{number % 1000}", "t", f'{{"status":"s{number % 5}"}}')
                      for number in range(200_000)])
        self.ask_all([("EV.APPEND", "user", f"{number:0240}", "t", "{}") for number in range(60_000)])
        self.ask_all([("EV.APPEND", "large", f"l-{number}", "t", f'{{"p":"{"x" * (256 << 10)}"}}')
                      for number in range(96)], 8)
        pairs = alternatives(1000, lambda number: ["CATEGORY", "order", "AGGREGATE", f"l-{number}"])
        tags = alternatives(1000, lambda number: ["TAG", f"{number:0250}"])
        kinds = [
            (34, encoded(("EV.READ", "CATEGORY", "large", "COUNT", "1000")) * 3),
            # A state of some 30 MiB; and a small one of many events.
            (10, encoded(("EV.FOLD", "REDUCER", "user_activity"))),
            (167, encoded(("EV.FOLD", "REDUCER", "order_counts"))),
            (34, encoded(("HELLO", "3")) + encoded(("EV.SUBSCRIBE", "FROM", "1"))),
            (20, encoded(("EV.READ", *tags, "BLOCK", "0"))),
            (20, encoded(("EV.APPEND", "c", "x", "t", "{}", "UNLESS", *pairs, "AFTER", "0")) * 20),
            # But for its last bytes.
            (10, encoded(("EV.APPEND", *[b"x" * 1_000_000] * 16))[:-1000]),
            (1000, b"PING\r\n"),
        ]

        def stop():
            begin = time.monotonic()
            self.machine("systemctl", "stop", *UNITS)
            seconds = time.monotonic() - begin
            found = [self.machine.show(name) for name in ("Result", "ExecMainStatus")]
            self.claims.check(found == ["success", "0"],
                              "a stop in the midst of all that ends in its time, with status 0",
                              f"{', '.join(found)}, {seconds:.1f} s of {limits.stop}")

        self.together("three users do their worst", limits, users, kinds, 60, stop)
        self.machine("systemctl", "start", "evstored.socket")

    def unread(self, limits, users):
        """What the kernel has taken for a client who does not read it is no more the daemon's, and its memory still."""
        self.ask_all([("EV.APPEND", "small", f"s-{number}", "t", f'{{"p":"{"x" * 900}"}}') for number in range(180)])
        self.together("9,900 connections, and on each an answer of 200 kB that is not read", limits, users,
                      [(3300, encoded(("EV.READ", "CATEGORY", "small")))], 20)

    def large_states(self, limits, users):
        """States almost as large as reducers.memory_bytes has them. Whoever may append can make them so."""
        self.ask_all([("EV.APPEND", "order", "o", "t", f'{{"status":"{number:0100000}"}}')
                      for number in range(2300)], 50)
        self.ask_all([("EV.APPEND", "inventory", f"{number:0240}", "stock_added", '{"quantity":1}')
                      for number in range(650_000)])
        self.ask_all([("EV.APPEND", "user", f"{number:0240}", "t", "{}") for number in range(360_000)])
        connection = self.connect()

        def health():
            return [event_map(projection)["health"].decode() for projection in connection.ask("EV.PROJECTIONS")]

        eventually(lambda: not {"lagging", "rebuilding"} & set(health()), 120)
        self.claims.note(f"three projections ({', '.join(health())}), {limits.held / MIB:.0f} MiB held")
        connection.close()
        self.together("30 folds of a state of 230 MiB that is not read", limits, users,
                      [(10, encoded(("EV.FOLD", "REDUCER", "order_counts")))], 30)


def main():
    parser = arguments("Try the service under a real systemd.")
    parser.add_argument("--host", default=os.environ.get("EVSTORE_SYSTEMD_HOST"), help="the tool that makes the machine")
    parser.add_argument("--built", default=os.path.join(TOP, ".build/release"), help="the folder of evstored and evctl")
    options = parser.parse_args()
    claims = Claims()
    if not options.host:
        claims.skip("systemd: no machine to try it on (--host, or EVSTORE_SYSTEMD_HOST)")
        sys.exit(0)
    machine = Machine(options.host)
    machine.down()
    machine.up()
    try:
        trial = Trial(claims, machine, options)
        trial.install()
        for step in (trial.activation, trial.kill, trial.crash, trial.hang, trial.stop, trial.mistakes,
                     trial.read_only, trial.shared):
            step()
        claims.check(trial.oracle.lost == 0, "no acknowledged event is lost", f"of {trial.oracle.acknowledged}")
        if claims.violated:
            print(trial.journal(60), file=sys.stderr)
        machine("systemctl", "stop", "evstored.socket", "evstored.service", check=False)
    finally:
        machine.down()
    claims.end()


if __name__ == "__main__":
    main()
