#!/usr/bin/env python3
"""Owns: the claim that stock Redis clients work as they come, and that the examples of the page *Clients* do what they say.

Each client is a script of its own that goes through one list of claims: `ok CLAIM`, `no CLAIM: why not` where the client
cannot do it, `FAIL CLAIM: what happened`. What it cannot do itself it asks for: `append CATEGORY` has an event appended by
somebody else in a moment, `restart` has the daemon killed and started; a line on its standard input says that it is done.
"""

import os
import re
import shutil
import subprocess
import sys
import threading
import venv

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))

from store import TOP, Claims, Folder, arguments  # pylint: disable=wrong-import-position

CLAIMS = ("connects", "appends", "is told what is wrong", "retries with an ID", "writes a pipeline at once", "reads a pipeline",
          "wins a transaction", "loses a transaction", "waits in a read", "is pushed events", "goes on after a restart")
PAGE = "Sources/EventWire/EventWire.docc/Clients.md"


class Clients:
    """How each client is started, by its name; what is made for them lies in `folder`."""

    def __init__(self, folder, redis_versions):
        self.folder, self.redis_versions = folder, redis_versions

    def commands(self):
        for version, extras in self.redis_versions:
            label = f"redis-py {version}" + "".join(f" with {extra}" for extra in extras)
            yield label, lambda v=version, e=extras: [self.python(v, e), f"{HERE}/redis_py.py"]
            yield f"{label}, asyncio", lambda v=version, e=extras: [self.python(v, e), f"{HERE}/redis_asyncio.py"]
        yield "hiredis", lambda: [self.compiled()]
        yield "ruby", lambda: ["ruby", f"{HERE}/redis.rb"]
        yield "php", lambda: ["php", f"{HERE}/redis.php"]
        yield "perl", lambda: ["perl", f"{HERE}/redis.pl"]
        yield "node", lambda: ["node", f"{HERE}/redis.js"]

    def python(self, version, extras=()):
        place = os.path.join(self.folder, "-".join((f"python-{version}", *extras)))
        if not os.path.exists(place):
            venv.create(place, with_pip=True)
            subprocess.run([f"{place}/bin/pip", "install", "-q", "--disable-pip-version-check", f"redis=={version}", *extras],
                           check=True, stdin=subprocess.DEVNULL)
        return f"{place}/bin/python"

    def compiled(self, source=f"{HERE}/redis.c"):
        program = os.path.join(self.folder, "hiredis-" + os.path.basename(source).removesuffix(".c"))
        subprocess.run(["gcc", "-Wall", "-Werror", "-O1", source, "-o", program, "-lhiredis"], check=True)
        return program


class Session:
    """One client's script at work."""

    def __init__(self, claims, daemon, label):
        self.claims, self.daemon, self.label = claims, daemon, label

    def run(self, command, size):
        environment = dict(os.environ, NODE_PATH="/usr/share/nodejs", PYTHONUNBUFFERED="1")
        process = subprocess.Popen([*command, self.daemon.socket, str(size)], stdin=subprocess.PIPE, env=environment,
                                   stdout=subprocess.PIPE, text=True, bufsize=1)
        timer = threading.Timer(180, process.kill)
        timer.start()
        told = set()
        for line in process.stdout:
            word, _, rest = line.rstrip("\n").partition(" ")
            if word == "append":
                threading.Timer(0.3, self.append, [rest]).start()
                print(file=process.stdin, flush=True)
            elif word == "restart":
                self.daemon.kill()
                self.daemon.start()
                print(file=process.stdin, flush=True)
            else:
                claim, _, detail = rest.partition(": ")
                told.add(claim)
                if word == "no":
                    self.claims.skip(f"{self.label} {claim}: {detail}")
                else:
                    self.claims.check(word == "ok", f"{self.label} {claim}", detail)
        status = process.wait()
        timer.cancel()
        missing = ", ".join(claim for claim in CLAIMS if claim not in told)
        if status or missing:
            self.claims.check(False, f"{self.label} comes to its end", f"status {status}; it said nothing of: {missing}")

    def append(self, category):
        connection = self.daemon.connect()
        connection.ask("EV.APPEND", category, "somebody", "came", '{"by":"else"}')
        connection.close()


def examples(page):
    """Language and text of the examples on the page."""
    return re.findall(r"^```(python|ruby|php|perl|javascript|c)\n(.*?)^```$", page, re.M | re.S)


def try_example(claims, clients, daemon, language, text):
    place = os.path.join(clients.folder, f"example.{language}")
    with open(place, "w") as file:
        file.write(text.replace("/run/evstored.sock", daemon.socket))
    command = {"python": lambda: [clients.python(clients.redis_versions[0][0])], "ruby": lambda: ["ruby"],
               "php": lambda: ["php"], "perl": lambda: ["perl"], "javascript": lambda: ["node"]}.get(language)
    words = [clients.compiled(place)] if command is None else [*command(), place]
    # Twice, as a program does that has lost its connection: the ID makes one event of it.
    answers = [subprocess.run(words, env=dict(os.environ, NODE_PATH="/usr/share/nodejs"), stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60) for _ in range(2)]
    printed = [answer.stdout for answer in answers]
    claims.check(re.fullmatch(r"\d+\n", printed[0]) and printed[0] == printed[1] and not any(a.returncode for a in answers),
                 f"the page's example in {language} appends an event, and the same when it runs again", repr(printed))


def main():
    parser = arguments(__doc__.splitlines()[0])
    parser.add_argument("--pipeline", type=int, default=100_000, help="how many commands are written at once")
    parser.add_argument("--only", help="clients whose name begins with this")
    parser.add_argument("--python", default=os.environ.get("REDIS_PY", "4.6.0,8.1.0"), help="versions of redis-py")
    options = parser.parse_args()
    claims = Claims()
    versions = options.python.split(",")
    with Folder() as folder:
        clients = Clients(folder.path, [(version, ()) for version in versions] + [(versions[-1], ("hiredis",))])
        daemon = folder.daemon(options.evstored, {"EVSTORED_REDUCERS_DIRECTORY": os.path.join(TOP, "config/reducers")})
        daemon.start()
        for label, command in clients.commands():
            if options.only and not label.startswith(options.only):
                continue
            try:
                Session(claims, daemon, label).run(command(), options.pipeline)
            except (OSError, subprocess.CalledProcessError) as error:
                claims.check(False, f"{label} can be tried", str(error))
        if not options.only:
            with open(f"{TOP}/{PAGE}") as page:
                found = examples(page.read())
            claims.check(len(found) == 6, "the page has an example for each language", ", ".join(name for name, _ in found))
            for language, text in found:
                try_example(claims, clients, daemon, language, text)
        claims.end(daemon)


if __name__ == "__main__":
    main()
