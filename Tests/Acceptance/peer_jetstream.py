"""Owns: NATS JetStream: its server, and its C client, compiled when it is first needed.

It acknowledges before it has synchronised its file, so that what it appends is compared with nothing durable; it is here
for its replay and its disk. Its events carry their aggregate and type in the subject.
"""

import json
import os
import shutil
import subprocess

from listening import free_port, wait_for_port

SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "peer_jetstream.c")


def client(folder):
    """The client's path; None where there is no server, no compiler or no library."""
    if not (shutil.which("nats-server") and shutil.which("cc")):
        return None
    program = os.path.join(folder.path, "peer_jetstream")
    done = subprocess.run(["cc", "-O2", SOURCE, "-lnats", "-o", program], capture_output=True, check=False)
    return None if done.returncode else program


class JetStream:
    """A server with a stream in a folder of its own."""

    def __init__(self, folder, program, name):
        self.program, self.path, self.port = program, os.path.join(folder.path, name), free_port()
        os.makedirs(self.path)
        settings = os.path.join(self.path, "settings")
        with open(settings, "w") as file:
            file.write(f'listen: "127.0.0.1:{self.port}"\njetstream {{ store_dir: "{self.path}/store" }}\n'
                       f'log_file: "{self.path}/log"\n')
        self.server = subprocess.Popen(["nats-server", "-c", settings], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        folder.daemons.append(self)
        wait_for_port(self.port, self.server)

    def __call__(self, *words):
        done = subprocess.run([self.program, str(self.port), *map(str, words)], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"FAIL  JetStream's client, {words[0]}: {done.stdout.strip()}")
        return json.loads(done.stdout)

    def bytes(self):
        """Lengths of its files; the stream's are written to their ends."""
        return sum(os.path.getsize(os.path.join(parent, name))
                   for parent, _, names in os.walk(os.path.join(self.path, "store")) for name in names)

    def stop(self):
        if self.server.poll() is None:
            self.server.terminate()
            self.server.wait()
