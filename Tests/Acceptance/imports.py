#!/usr/bin/env python3
"""Owns: the claim that an import with a resume file puts each line into the store once and in its place, whenever it, or the
daemon under it, is killed.

Each round imports a file of its own into the same store, by as many runs as it takes: `evctl import` is killed at a moment
by chance, or the daemon is, or both. Some lines carry an id and most do not, some are bad and are skipped, and a client
appends beside it. Then the store is read, and what the file says is compared with what is there.
"""

import json
import os
import random
import subprocess
import threading
import time

from store import Claims, Folder, Lost, Refused, arguments, event_map, info

SETTINGS = {"EVSTORED_SEGMENT_BYTES": str(1 << 20), "EVSTORED_SEGMENT_SEALING_LEVEL": "1"}
PAGE = 1000


def lines(pick, name, count, with_ids):
    """The lines of a file, and the numbers of those that are events."""
    made, good = [], []
    for number in range(1, count + 1):
        if pick.random() < 0.001:
            made.append(pick.choice(["", "   ", "nonsense", '{"category":"c"}', '{"category":"c","event_type":"t",'
                                     '"aggregate_id":"a","data":{"a":01}}']))
            continue
        event = {"category": name, "event_type": "line", "aggregate_id": f"a-{number % 7}",
                 "data": {"line": number, "text": "x" * pick.choice([0, 10, 100, 5000 if number % 50 == 0 else 30])}}
        if pick.random() < 0.2 and with_ids:
            event["id"] = f"{pick.getrandbits(32):08x}-0000-4000-8000-{number:012x}"
        made.append(json.dumps(event))
        good.append(number)
    return made, good


class Beside(threading.Thread):
    """Somebody else who appends all the while."""

    def __init__(self, daemon):
        super().__init__(daemon=True)
        self.daemon_process, self.ends = daemon, False

    def run(self):
        while not self.ends:
            try:
                connection = self.daemon_process.connect()
                while not self.ends:
                    connection.ask("EV.APPEND", "beside", "b", "t", "{}")
                    time.sleep(0.002)
            except (OSError, Lost, Refused):
                time.sleep(0.01)


class Round:
    def __init__(self, options, daemon, folder, pick, number):
        self.options, self.daemon, self.pick = options, daemon, pick
        self.name = f"round-{number}"
        self.path, self.resume = os.path.join(folder, "lines.ndjson"), os.path.join(folder, f"{self.name}.resume")
        made, self.good = lines(pick, self.name, pick.randrange(1, options.lines), not options.sabotage)
        with open(self.path, "w") as file:
            file.write("\n".join(made) + pick.choice(["", "\n"]))
        self.kills = 0

    def start(self):
        # Without a terminal it prints its summary, and nothing else but the lines that it skips.
        words = [os.path.abspath(self.options.evctl), "-s", self.daemon.socket, "import", self.path, "--keep-going"]
        if not self.options.sabotage:
            words += ["--resume-file", self.resume]
        return subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    def run(self):
        """Imports the file, with as many kills as come. Returns what the last run said."""
        while True:
            process = self.start()
            # Most of a run is short; now and then one gets through.
            moment = self.pick.choice(["evctl", "evctl", "daemon", "both", "none"])
            time.sleep(self.pick.uniform(0, self.options.seconds))
            if moment in ("evctl", "both"):
                process.kill()
            if moment in ("daemon", "both"):
                self.daemon.kill()
            said = process.communicate()[1].decode()
            self.kills += moment != "none"
            if moment in ("daemon", "both"):
                self.daemon.start()
            if process.returncode == 0:
                return said

    def there(self):
        """The numbers of the lines that the store has, in its order."""
        connection = self.daemon.connect()
        found, after = [], 0
        while page := connection.ask("EV.READ", "CATEGORY", self.name, "AFTER", after, "COUNT", PAGE):
            events = [event_map(event) for event in page]
            found += [json.loads(event["data"])["line"] for event in events]
            after = events[-1]["event_id"]
        connection.close()
        return found


def main():
    parser = arguments("Kill imports, and the daemon under them, and compare what is there with the lines.")
    parser.add_argument("--evctl", help="the program to try (default: beside the daemon)")
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--lines", type=int, default=60_000, help="at most so many in a file")
    parser.add_argument("--seconds", type=float, default=0.25, help="at most so long until something is killed")
    parser.add_argument("--sabotage", action="store_true", help="import lines without ids and without a resume file: this must fail")
    options = parser.parse_args()
    options.evctl = options.evctl or os.path.join(os.path.dirname(options.evstored), "evctl")
    claims, pick = Claims(), random.Random(options.seed)

    with Folder() as folder:
        daemon = folder.daemon(options.evstored, SETTINGS)
        daemon.start()
        beside = Beside(daemon)
        beside.start()
        kills, count, wrong = 0, 0, []
        for number in range(options.rounds):
            work = Round(options, daemon, folder.path, pick, number)
            said = work.run()
            kills += work.kills
            count += len(work.good)
            found = work.there()
            if found != work.good:
                wrong.append(f"round {number}: {len(found)} events of {len(work.good)} lines, "
                             f"{len(found) - len(set(found))} of them twice, last said {said.strip()!r}")
        beside.ends = True
        beside.join(60)
        connection = daemon.connect()
        claims.note(f"{kills} kills in {options.rounds} imports, {count} lines, seed {options.seed}, "
                    f"{info(connection)['last_id']} events in the store")
        connection.close()
        for text in wrong[:5]:
            claims.note(text)
        claims.check(not wrong, "each line of a killed import is in the store once and in its place",
                     f"{len(wrong)} of {options.rounds} files are not")
        claims.check(kills > 0, "imports were killed", f"{kills}")
        claims.check(daemon.stop() == 0, "the last stop ends with status 0")
        claims.end(daemon)


if __name__ == "__main__":
    main()
