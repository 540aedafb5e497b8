#!/usr/bin/env python3
"""Owns: the claim that a full disk is an ordinary state, on real file systems that are small: a tmpfs, and ext4 in a file.

Appends stop with NOSPC, all else goes on, and appends resume by themselves when there is space again; a start on the full
disk works, after a stop and after a kill; and nothing acknowledged is lost on the way. Rows 10 and 11 of the table of
faults. Skips, and says so, where nothing may be mounted.
"""

import json
import os
import re
import shutil
import subprocess
import threading
import time

from scene import Scene, attempt
from store import TOP, Claims, Folder, arguments, info

MIB = 1 << 20
DISK = 24 * MIB
KEEP_FREE = 3 * MIB
# In proportion to the disk as the defaults are to an ordinary one.
SETTINGS = {
    "EVSTORED_SEGMENT_BYTES": str(MIB),
    "EVSTORED_COMPACTION_BYTES": str(2 * MIB),
    "EVSTORED_SEGMENT_SPARE_FILES": "1",
    "EVSTORED_SEGMENT_RECYCLED_FILES": "1",
    "EVSTORED_DISK_KEEP_FREE_BYTES": str(KEEP_FREE),
}
NUMBERS = re.compile(r"^NOSPC .*\d+.*\d+")
SHAPES = [(32, 1, False), (4, 8, False), (8, 1, True)]


class Watch(threading.Thread):
    """The least free space while it lives."""

    def __init__(self, path):
        super().__init__(daemon=True)
        self.path, self.least, self.is_told = path, free(path), False

    def run(self):
        while not self.is_told:
            self.least = min(self.least, free(self.path))
            time.sleep(0.001)

    def end(self):
        self.is_told = True
        self.join()
        return self.least


def free(path):
    status = os.statvfs(path)
    return status.f_bavail * status.f_frsize


class Trial:
    def __init__(self, claims, folder, options, kind, disk):
        self.claims, self.kind, self.disk, self.options = claims, kind, disk, options
        self.scene = Scene(claims, folder, options, SETTINGS, data=os.path.join(disk, "data"), noise=1500)
        self.daemon = self.scene.daemon
        self.connection = None

    def claim(self, holds, text, detail=""):
        self.claims.check(holds, f"{self.kind}: {text}", detail)

    def ballast(self, name, size):
        with open(os.path.join(self.disk, name), "wb") as file:
            for _ in range(size // MIB):
                file.write(os.urandom(MIB))
            file.flush()
            os.fsync(file.fileno())

    def remove(self, name):
        os.remove(os.path.join(self.disk, name))

    def start(self):
        self.daemon.start()
        self.connection = self.daemon.connect()

    def judge(self, label):
        self.scene.judge(self.connection, f"{self.kind}: {label}")

    def fill(self, label):
        """Appends until nothing more is taken, also after what is closed has been sealed."""
        refusals, quiet, total = set(), 0, 0
        deadline = time.monotonic() + 60
        # Sealing gives files back for a while. In the end one by one: a small commit may find room where a large one
        # did not.
        while quiet < 4 and time.monotonic() < deadline:
            self.scene.append([(1, 1, False)] if quiet else SHAPES)
            if not self.scene.settle():
                self.claim(False, f"{label}: clients are answered")
            refusals |= {text for client in self.scene.clients for text in client.errors}
            taken = len(self.scene.acknowledged)
            total += taken
            quiet = 0 if taken or info(self.connection)["seal_backlog_bytes"] != "0" else quiet + 1
            self.scene.judge_quietly(self.connection)
            time.sleep(0.3)
        self.claim(not self.scene.oracle.violations, f"{label}: what was acknowledged is there, and nothing else",
                   f"{total} events")
        strange = [text for text in refusals if not NUMBERS.match(text)]
        self.claim(refusals and not strange, f"{label}: appends are refused with NOSPC and the numbers",
                   strange[0] if strange else next(iter(refusals), "no refusal"))
        backlog = info(self.connection)["seal_backlog_bytes"]
        self.claim(quiet == 4 and backlog == "0", f"{label}: what is closed is sealed all the same", f"{backlog} bytes left")

    def expect_full(self, label):
        # What is left of a segment may hold one that is smaller than those that were refused, and another.
        for _ in range(5):
            self.scene.append([(1, 1, False)], limit=1)
            is_settled = self.scene.settle()
            if not is_settled or self.scene.errors:
                break
            self.scene.judge_quietly(self.connection)
        self.claim(is_settled and self.scene.errors == {"NOSPC"}, f"{label}: an append is NOSPC",
                   f"{self.scene.errors or 'acknowledged'}")
        self.judge(label)
        figures = info(self.connection)
        self.claim(figures["state"] == "full" and figures.get("appends") == "nospace",
                   f"{label}: EV.INFO says state full, appends nospace",
                   f"{figures['state']}, {figures.get('appends')}")
        said = abs(int(figures.get("disk_free_bytes", -DISK)) - free(self.disk)) <= MIB
        self.claim(said and figures.get("disk_keep_free_bytes") == str(KEEP_FREE),
                   f"{label}: EV.INFO has the free bytes and the limit",
                   f"{figures.get('disk_free_bytes')} of {figures.get('disk_keep_free_bytes')}, statvfs {free(self.disk)}")

    def expect_service(self, label):
        """All but appends."""
        state = attempt(self.connection, "EV.PROJECTION", "order_counts")
        self.claim(isinstance(state, bytes) and b'"event_id"' in state, f"{label}: projections answer", f"{state[:60]!r}"
                   if isinstance(state, bytes) else f"{state}")
        for command in ("EV.SNAPSHOT", "EV.COMPACT"):
            answer = attempt(self.connection, command)
            # What needs more than there is may say so, and nothing else.
            self.claim(isinstance(answer, bytes) or str(answer).startswith("NOSPC "), f"{label}: {command} goes on",
                       f"{answer}")
        report = json.loads(self.connection.ask("EV.VERIFY"))
        self.claim(not report["damaged"] and not report["problems"], f"{label}: EV.VERIFY is clean", f"{report['problems']}")

    def expect_resumed(self, label):
        """Without a restart, and without anybody asking for it."""
        deadline = time.monotonic() + 30
        begin = time.monotonic()
        while info(self.connection)["state"] != "ok" and time.monotonic() < deadline:
            time.sleep(0.1)
        figures = info(self.connection)
        self.claim(figures["state"] == "ok" and figures.get("appends") == "ok", f"{label}: appends resume by themselves",
                   f"{figures['state']}, {figures.get('appends')}, after {time.monotonic() - begin:.1f} s")
        self.scene.append(SHAPES, limit=50)
        settled = self.scene.settle()
        self.claim(settled and not self.scene.errors and len(self.scene.acknowledged) >= 50,
                   f"{label}: appends are acknowledged again", f"{len(self.scene.acknowledged)}, {self.scene.errors}")
        self.judge(label)

    def run(self):
        self.ballast("ballast", 6 * MIB)
        self.ballast("more", 6 * MIB)
        self.start()
        watch = Watch(self.disk)
        watch.start()
        self.fill("filling up")
        least = watch.end()
        # Sealing needs its output before it can give its input back; one segment is in use then, and one may wait.
        self.claim(free(self.disk) >= KEEP_FREE and least >= KEEP_FREE - 2 * MIB,
                   "the daemon leaves the configured bytes free, but for a segment or two while it seals",
                   f"{free(self.disk)}, at the least {least}, of {KEEP_FREE}")
        self.expect_full("full")
        large = json.dumps({"noise": os.urandom(4000).hex()})
        done = subprocess.run(
            [self.options.evctl, "-s", self.daemon.socket, "append", "order", "order-1", "created", large],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        self.claim(done.returncode == 7, "evctl append ends with status 7", f"{done.returncode} {done.stderr.strip()}")

        self.expect_service("full")
        self.fill("full after a compaction")
        self.daemon.kill()
        self.start()
        self.judge("after a kill on the full disk")
        # The segment in use may have room left, and one more file may be ready.
        self.fill("full after a kill")
        self.expect_full("full after a kill")
        self.remove("ballast")
        self.expect_resumed("space after a kill")

        self.fill("full again")
        self.claim(self.daemon.stop() == 0, "a stop on the full disk ends with status 0")
        self.start()
        self.judge("after a restart on the full disk")
        self.fill("full after a restart")
        self.expect_full("full after a restart")
        self.expect_service("full after a restart")

        # Somebody else takes the rest, below the limit and down to the last byte.
        with open(os.path.join(self.disk, "glutton"), "wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError:
                pass
        self.claims.note(f"{self.kind}: {free(self.disk)} bytes free")
        self.expect_full("not a byte free")
        self.daemon.kill()
        self.start()
        self.judge("after a kill with not a byte free")
        self.expect_full("after a kill with not a byte free")
        self.expect_service("after a kill with not a byte free")
        self.remove("glutton")
        self.remove("more")
        self.expect_resumed("space after a restart")
        self.claim(self.daemon.stop() == 0, "a stop ends with status 0")
        self.start()
        self.judge("at the end")
        report = json.loads(self.connection.ask("EV.VERIFY"))
        self.claim(not report["damaged"] and not report["problems"], "EV.VERIFY is clean at the end", f"{report['problems']}")
        self.claim(self.scene.oracle.lost == 0, "no acknowledged event is lost", f"of {self.scene.oracle.acknowledged}")
        self.daemon.stop()


def tmpfs(folder):
    return folder.mount("tmpfs", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs")


def ext4(folder):
    image = os.path.join(folder.path, "image")
    if not shutil.which("mkfs.ext4"):
        return None
    with open(image, "wb") as file:
        file.truncate(DISK + 8 * MIB)
    subprocess.run(["mkfs.ext4", "-q", "-m", "0", image], check=True)
    return folder.mount("ext4", "-o", "loop", image)


def main():
    parser = arguments("Run the daemon on a disk that is full.")
    parser.add_argument("--evctl", default=os.path.join(TOP, ".build/release/evctl"))
    parser.add_argument("--disk", choices=["tmpfs", "ext4", "both"], default="both")
    options = parser.parse_args()
    claims = Claims()
    for mount in (tmpfs, ext4):
        if options.disk not in (mount.__name__, "both"):
            continue
        with Folder() as folder:
            disk = mount(folder)
            if disk is None:
                claims.skip(f"fulldisk: a small {mount.__name__} cannot be mounted here")
                continue
            Trial(claims, folder, options, mount.__name__, disk).run()
    claims.end()


if __name__ == "__main__":
    main()
