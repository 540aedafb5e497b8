#!/usr/bin/env python3
"""Owns: the claim that the service behaves under a real systemd: started by its socket, started again after a kill and
after a crash of the machine, aborted where it hangs; and after every mistake of a first day back by itself once the mistake is
mended, with the socket standing and clients waiting in it meanwhile.

The machine is a container that a tool of the caller's makes and breaks: --host names it, or EVSTORE_SYSTEMD_HOST. It takes
`up` (and prints the pid of the container's init at the end of its line), `run COMMAND…`, `copy SOURCE DESTINATION`,
`crash` (SIGKILL to all of it) and `down`. Without one, nothing is tried, and the script says so.
"""

import os
import re
import subprocess
import sys
import tempfile
import time

from appenders import Client, Sources, entries
from oracle import Oracle
from store import TOP, Claims, Connection, Lost, Refused, arguments, info

SHAPES = [(64, 1, False), (4, 8, False), (8, 1, True), (1, 1, False)]
DATA = "/var/lib/evstored"
# What a real one waits for in half a minute.
DROP_IN = "[Service]\nWatchdogSec=3\n"


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
    def socket(self):
        """The service's socket, seen from outside."""
        return os.path.join("/proc", str(self.init), "root", "run", "evstored.sock")

    def show(self, name):
        return self("systemctl", "show", "evstored.service", "--value", "--property", name)

    def wait(self, name, value, seconds=30):
        deadline = time.monotonic() + seconds
        while self.show(name) != value and time.monotonic() < deadline:
            time.sleep(0.1)
        return self.show(name)


class Trial:
    def __init__(self, claims, machine, options):
        self.claims, self.machine, self.options = claims, machine, options
        self.oracle, self.sources = Oracle(), Sources(options.seed)
        self.clients, self.again, self.next_events = [], [[] for _ in SHAPES], [0] * len(SHAPES)

    def install(self):
        machine, built = self.machine, self.options.built
        machine("systemctl", "stop", "evstored.socket", "evstored.service", check=False)
        machine("rm", "-rf", DATA)
        for name in ("evstored", "evctl"):
            path = os.path.join(built, name)
            machine.copy(path, f"/usr/bin/{name}", 0o755)
            # A build that is not static finds Swift's libraries where they were.
            for library in re.findall(r"=> (/\S*/swift/\S+)", subprocess.check_output(["ldd", path], text=True)):
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
            machine.copy(file.name, "/etc/systemd/system/evstored.service.d/watchdog.conf")
        machine("systemd-sysusers")
        machine("systemctl", "daemon-reload")
        machine("systemctl", "reset-failed", "evstored.service", "evstored.socket", check=False)
        machine("systemctl", "enable", "--now", "evstored.socket")

    def connect(self, seconds=60):
        """A connection whose first question has been answered; the service manager keeps it waiting until then."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                connection = Connection(self.machine.socket)
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
        self.machine("systemctl", "stop", "evstored.socket", "evstored.service")
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
        found = [machine.show("ExecMainStatus"), machine("systemctl", "is-active", "evstored.socket", check=False)]
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
        file, unit = "/etc/evstored/evstored.yaml", "/etc/systemd/system/evstored.service.d/mistake.conf"
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
        health = machine("evctl", "projection", "list")
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
        for step in (trial.activation, trial.kill, trial.crash, trial.hang, trial.stop, trial.mistakes):
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
