#!/usr/bin/env python3
"""Owns: what the daemon does when a system call fails, is cut short, or takes seconds, on the real thing.

strace puts the errors in. Each claim begins with its row in the table of faults. The oracle judges the log after the
restart; the trace says which frame was not synced, so that nothing from there on may have been acknowledged.
"""

import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time

from appenders import append_of, entries
from scene import Scene, attempt
from segments import blocks
from store import Claims, Folder, Lost, Refused, arguments, info, wait_until_sealed

MANY = [(64, 1, False), (4, 8, False), (8, 1, True), (1, 1, False)]
LONE = [(1, 1, False)]
IO_ERROR = 74
MIB = 1 << 20


class Strace:
    """strace on a running daemon, for as long as the block is."""

    def __init__(self, daemon, inject, paths=(), trace=()):
        self.output = os.path.join(daemon.folder, "trace")
        calls = ",".join({expression.split(":")[0] for expression in inject} | set(trace))
        self.command = ["strace", "-f", "-xx", "-s", "64", "-o", self.output, "-p", str(daemon.process.pid),
                        "-e", f"trace={calls}", "-e", "signal=none"]
        for expression in inject:
            self.command += ["-e", f"inject={expression}"]
        for path in paths:
            self.command += ["-P", path]

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        # Once it says so, it has all threads.
        line = self.process.stderr.readline()
        if "attached" not in line:
            raise SystemExit(f"FAIL  strace did not attach: {line}{self.process.stderr.read()}")
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGINT)
        self.process.stderr.close()
        self.process.wait()

    def lines(self):
        with open(self.output) as trace:
            return trace.read().splitlines()

    def count(self, call):
        return sum(f"{call}(" in line and "(INJECTED)" in line for line in self.lines())

    def first_unsynced(self):
        """First id and count of records of the frame whose write or sync failed first; None where that was no frame's."""
        frames = {}
        for line in self.lines():
            thread = line.split(" ", 1)[0]
            if frame := re.search(r'pwritev2?\(.*?iov_base="((?:\\x[0-9a-f]{2}){56})"', line):
                header = bytes.fromhex(frame[1].replace("\\x", ""))
                if header[:4] == b"FRAM":
                    frames[thread] = (int.from_bytes(header[24:32], "little"), int.from_bytes(header[40:44], "little"))
            if "(INJECTED)" in line and thread in frames:
                return frames[thread]
        return None, 0


def failed_sync(claims, folder, options, row, name, shapes, inject, status=IO_ERROR):
    """A commit that fails: nothing of it is acknowledged, the daemon ends, and the next start puts things right."""
    scene, label = Scene(claims, folder, options), f"row {row}: {name}"
    readers = scene.start()
    scene.append(shapes)
    while len(scene.acknowledged) < 100 and any(client.is_alive() for client in scene.clients):
        time.sleep(0.05)
    raw = scene.daemon.files(".active")
    wrong_reads = 0
    with Strace(scene.daemon, [inject], paths=raw, trace=["pwritev", "fdatasync"]) as strace:
        deadline = time.monotonic() + 20
        try:
            while scene.daemon.process.poll() is None and time.monotonic() < deadline:
                page = readers.ask("EV.READ", "AFTER", 0, "COUNT", 50)
                wrong_reads += len(page) != 50
        except Refused as error:
            claims.note(f"a read was refused: {error}")
            wrong_reads += 1
        except Lost:
            pass
        ended = scene.daemon.ended(10)
        if ended is None:
            claims.note(f"the daemon goes on; its clients were answered {scene.errors or 'that all is well'}")
            scene.daemon.kill()
    unsynced, records = strace.first_unsynced()
    settled = scene.settle(30)
    claims.check(ended == status, f"{label} ends the daemon with status {status}", f"{ended}")
    latest = max(scene.acknowledged, default=0)
    claims.check(unsynced is not None and latest < unsynced, f"{label}: nothing unsynced is acknowledged",
                 f"acknowledged up to {latest}, the frame that failed begins at {unsynced}")
    claims.check(scene.errors <= {"FAILED"} and settled, f"{label}: clients in flight get FAILED or lose the connection",
                 f"{sorted(scene.errors)}")
    claims.check(wrong_reads == 0, f"{label}: reads are right until the end")
    connection, moved = restart_with_trace(scene)
    scene.judge(connection, label)
    # A marker may have failed, which an idle moment brings; what stands before it needs no other proof.
    claims.check(moved or records == 0, f"{label}: the restart puts the unproven tail into a new segment before it answers",
                 f"{[os.path.basename(path) for path in raw]}, now "
                 f"{[os.path.basename(path) for path in scene.daemon.files('.active')]}")
    claims.check(info(connection)["state"] == "ok", f"{label}: the store is well after the restart")
    scene.append(shapes, limit=20)
    scene.settle()
    scene.judge(connection, f"{label}: appends after the restart")
    claims.check(scene.daemon.stop() == 0, f"{label}: a stop ends with status 0")


def restart_with_trace(scene):
    """Starts the daemon under strace. Returns a connection, and whether, before it had a store, a new raw segment was
    written, synced and named, and its name synced."""
    output = os.path.join(scene.daemon.folder, "restart")
    connection = scene.start(["strace", "-D", "-f", "-y", "-o", output, "-e",
                              "trace=pwritev,fdatasync,fsync,rename,renameat,renameat2,write"])
    steps = ["write", "sync", "name", "directory"]
    with open(output) as trace:
        for line in trace:
            if " write(" in line and " events in " in line:
                break
            found = ("pwritev(" in line and (".spare" in line or ".active" in line) and "write"
                     or "fdatasync(" in line and (".spare" in line or ".active" in line) and "sync"
                     or "rename" in line and ".active" in line and "name"
                     or " fsync(" in line and "/log>" in line and "directory")
            if steps and found == steps[0] and "= -1" not in line:
                steps.pop(0)
    return connection, not steps


def forgotten_pages(claims, folder, options):
    """No injection: a disk whose backing is full fails to write, and from then on the page cache shows what the disk does
    not hold. What a restart makes of it must survive the loss of the cache."""
    label = "row 8: a disk that fails, and a page cache that does not say so"
    backing = folder.mount("backing", "-t", "tmpfs", "-o", f"size={48 * MIB}", "tmpfs")
    image = os.path.join(folder.path, "backing", "image")
    if backing is None or not shutil.which("mkfs.ext4"):
        claims.skip(f"{label}: a file system cannot be mounted here")
        return
    with open(image, "wb") as file:
        file.truncate(256 * MIB)
    # Without a journal, which would fail first and make the file system read-only; and with room behind its own blocks,
    # so that it is the store's that fail.
    subprocess.run(["mkfs.ext4", "-q", "-m", "0", "-b", "4096", "-N", "1024", "-O", "^has_journal", image], check=True)
    with open(image, "r+b") as file:
        head = file.read(2 * MIB)
        file.seek(0)
        file.write(head)
    disk = folder.mount("disk", "-o", "loop", image)
    if disk is None:
        claims.skip(f"{label}: a loop device cannot be mounted here")
        return
    write_by_pages(disk)
    # What it gives back is enough for what follows, sealing too.
    ballast = os.path.join(backing, "ballast")
    with open(ballast, "wb") as file:
        file.write(os.urandom(28 * MIB))
    # Files without zeros written ahead: a commit is what takes the last bytes.
    settings = {"EVSTORED_SEGMENT_BYTES": str(16 * MIB), "EVSTORED_SEGMENT_SPARE_FILES": "0",
                "EVSTORED_SEGMENT_RECYCLED_FILES": "0", "EVSTORED_DISK_RESERVE_FILES": "0",
                "EVSTORED_DISK_KEEP_FREE_BYTES": "0"}
    scene = Scene(claims, folder, options, settings, data=os.path.join(disk, "data"), noise=1500)
    scene.start()
    scene.append(MANY)
    ended = scene.daemon.ended(60)
    if ended is None:
        scene.daemon.kill()
    settled = scene.settle()
    claims.check(ended == IO_ERROR, f"{label} ends the daemon with status {IO_ERROR}", f"{ended}")
    claims.check(settled and scene.errors <= {"FAILED"}, f"{label}: clients get FAILED or lose the connection",
                 f"{sorted(scene.errors)}")
    os.remove(ballast)
    connection = scene.start()
    scene.judge(connection, f"{label}: a restart")
    scene.append(MANY, limit=10)
    scene.settle()
    scene.judge(connection, f"{label}: appends after it")
    scene.daemon.kill()
    folder.unmount(disk)
    folder.mount("disk", "-o", "loop", image)
    connection = scene.start()
    before = len(scene.oracle.violations)
    for _ in scene.oracle.same_again(entries(connection, 0, scene.oracle.tail + 1)):
        pass
    claims.check(len(scene.oracle.violations) == before, f"{label}: without the page cache all of it is still there",
                 f"{scene.oracle.tail} events, {scene.oracle.violations[before:before + 2]}")
    figures = info(connection)
    claims.check(figures["state"] == "ok", f"{label}: the store is well", f"{figures['state']}, {figures['damaged']}")
    scene.daemon.stop()


def write_by_pages(disk):
    """Has the loop device write a page at a time: of a longer write that its backing takes in part it says that all went
    well, and such a lie is not what is tried here."""
    with open("/proc/mounts") as mounts:
        device = next(line.split()[0] for line in mounts if line.split()[1] == disk)
    with open(f"/sys/block/{os.path.basename(device)}/queue/max_sectors_kb", "w") as limit:
        limit.write("4")


def failed_name(claims, folder, options):
    """The directory cannot be synced when a new segment gets its name."""
    scene = Scene(claims, folder, options, {"EVSTORED_DISK_RESERVE_FILES": "0"})
    label = "row 7: EIO from the fsync of the directory at a roll"
    connection = scene.start()
    scene.append(MANY)
    # With a file at hand it is the name of the segment that fails, not that of a spare.
    deadline = time.monotonic() + 60
    while not scene.daemon.files(".spare") and time.monotonic() < deadline:
        time.sleep(0.1)
    with Strace(scene.daemon, ["fsync:error=EIO"], paths=[os.path.join(scene.daemon.data, "log")]) as strace:
        try:
            answer = connection.ask("EV.ROLL")
        except (Refused, Lost) as error:
            answer = error
        ended = scene.daemon.ended(20)
        injected = strace.count("fsync")
    if ended is None:
        scene.end_clients(5)
    settled = scene.settle(30)
    claims.check(injected > 0 and not isinstance(answer, (int, bytes)), f"{label}: EV.ROLL does not say that it was done",
                 f"{answer!r}")
    claims.check(ended == IO_ERROR, f"{label} ends the daemon with status {IO_ERROR}", f"{ended}")
    claims.check(settled and scene.errors <= {"FAILED"}, f"{label}: clients get FAILED or lose the connection",
                 f"{sorted(scene.errors)}")
    if ended is None:
        scene.daemon.kill()
    connection = scene.start()
    scene.judge(connection, label)
    claims.check(info(connection)["state"] == "ok", f"{label}: the store is well after the restart")
    scene.daemon.stop()


def failed_spare(claims, folder, options):
    """The directory cannot be synced when a file is made for the next segment: nothing rests on that one yet, and nothing is
    lost with it."""
    settings = {"EVSTORED_SEGMENT_SPARE_FILES": "0", "EVSTORED_SEGMENT_RECYCLED_FILES": "0", "EVSTORED_DISK_RESERVE_FILES": "0"}
    scene, label = Scene(claims, folder, options, settings), "row 9: EIO from the fsync of the directory for a new file"
    connection = scene.start()
    scene.append(LONE)
    time.sleep(0.3)
    with Strace(scene.daemon, ["fsync:error=EIO"], paths=[os.path.join(scene.daemon.data, "log")]) as strace:
        answer = attempt(connection, "EV.ROLL")
        time.sleep(0.3)
        injected = strace.count("fsync")
    claims.check(injected > 0 and str(answer).startswith("ERR "), f"{label} is an error of that request", f"{answer}")
    time.sleep(0.3)
    settled = scene.end_clients()
    claims.check(settled and not scene.errors, f"{label}: appends go on", f"{len(scene.acknowledged)}, {sorted(scene.errors)}")
    answer = attempt(connection, "EV.ROLL")
    claims.check(not isinstance(answer, Refused), f"{label}: the next roll succeeds", f"{answer!r}")
    scene.judge(connection, label)
    claims.check(info(connection)["state"] == "ok", f"{label}: the store is well")
    claims.check(scene.daemon.stop() == 0, f"{label}: a stop ends with status 0")


def harmless(claims, folder, options, row, name, inject):
    """What a system call may do at any time, and nobody may notice."""
    scene, label = Scene(claims, folder, options), f"row {row}: {name}"
    connection = scene.start()
    scene.append(MANY)
    time.sleep(0.1)
    with Strace(scene.daemon, [inject], paths=scene.daemon.files(".active")) as strace:
        time.sleep(1)
        settled = scene.end_clients()
    injected = strace.count(inject.split(":")[0])
    claims.check(settled and not scene.errors and injected > 0, f"{label} is not seen by any client",
                 f"{injected} times among {len(scene.acknowledged)} appends, {sorted(scene.errors)}")
    scene.judge(connection, label)
    scene.daemon.kill()
    scene.judge(scene.start(), f"{label}, after a kill")
    scene.daemon.stop()


def file_size_limit(claims, folder, options):
    """The kernel writes what fits below the limit, and then nothing: a short write, and EFBIG."""
    scene, label = Scene(claims, folder, options), "row 9: EFBIG from a write that ends at a file size limit"
    scene.start()
    scene.append(MANY)
    time.sleep(0.2)
    resource.prlimit(scene.daemon.process.pid, resource.RLIMIT_FSIZE, (4 << 20, resource.RLIM_INFINITY))
    ended = scene.daemon.ended(60)
    if ended is None:
        scene.end_clients(5)
    settled = scene.settle()
    claims.check(ended == IO_ERROR, f"{label} ends the daemon with status {IO_ERROR}", f"{ended}")
    claims.check(settled and scene.errors <= {"FAILED"}, f"{label}: clients get FAILED or lose the connection",
                 f"{sorted(scene.errors)}")
    if ended is None:
        scene.daemon.kill()
    connection = scene.start()
    scene.judge(connection, label)
    claims.check(info(connection)["state"] == "ok", f"{label}: the store is well after the restart")
    scene.daemon.stop()


def slow_sync(claims, folder, options):
    scene, label = Scene(claims, folder, options), "row 12: a sync takes two seconds"
    connection = scene.start()
    scene.append(MANY)
    time.sleep(0.2)
    served = 0
    with Strace(scene.daemon, ["fdatasync:delay_enter=2000000"], paths=scene.daemon.files(".active")):
        end = time.monotonic() + 5
        while time.monotonic() < end:
            served += len(connection.ask("EV.READ", "COUNT", 10)) == 10
            time.sleep(0.02)
        acknowledged = len(scene.acknowledged)
        time.sleep(3)
        later = len(scene.acknowledged)
        settled = scene.end_clients()
    claims.check(served > 20, f"{label}: reads go on meanwhile", f"{served} in 5 s")
    claims.check(settled and not scene.errors and later > acknowledged, f"{label}: appends are answered late, and right",
                 f"{acknowledged}, then {later}, {sorted(scene.errors)}")
    said = [line for line in scene.daemon.notes().splitlines() if "the disk is slow" in line]
    claims.check(bool(said), f"{label}: the log says so", said[0] if said else "")
    scene.judge(connection, label)
    claims.check(info(connection)["state"] == "ok", f"{label}: the store is well")
    scene.daemon.stop()


def unreadable_block(claims, folder, options):
    """EIO from a read of one sealed segment among others."""
    scene, label = Scene(claims, folder, options), "row 21: EIO from a read"
    connection = scene.start()
    for part in ("first", "second"):
        scene.append([(64, 1, False)], limit=3000)
        scene.settle()
        scene.judge(connection, f"{label}, the {part} segment")
        wait_until_sealed(connection)
    scene.daemon.stop()
    connection = scene.start()
    first, second = scene.daemon.files(".segment")[:2]
    ranges = [(block.first_id, block.last_id) for block in blocks(first) if block.kind == 1]
    beyond = blocks(second)[0].first_id
    victim = ranges[len(ranges) // 2]
    with Strace(scene.daemon, ["pread64:error=EIO"], paths=[first]) as strace:
        answers = [attempt(connection, "EV.GET", victim[0]) for _ in range(50)]
        expected = f"CORRUPT {victim[0]} {victim[1]} "
        claims.check(all(str(answer).startswith(expected) for answer in answers), f"{label} is CORRUPT with the block's ids",
                     f"{answers[0]}, expected {expected}")
        time.sleep(0.2)
        reads = strace.count("pread64")
        claims.check(0 < reads <= 3, f"{label}: no retry storm", f"{reads} reads of the disk for 50 of a client")
        other = attempt(connection, "EV.GET", beyond)
        claims.check(isinstance(other, list), f"{label}: what other segments hold is served", "" if other else f"{other}")
        figures = info(connection)
        claims.check(figures["state"] == "degraded" and f"{victim[0]}-{victim[1]}" in figures["damaged"],
                     f"{label}: EV.INFO says degraded and which", f"{figures['state']}, {figures['damaged']}")
        appended = attempt(connection, *append_of(scene.sources(9, 1, False)))
        claims.check(isinstance(appended, int), f"{label}: appends go on", f"{appended}")
    claims.check(scene.daemon.stop() == 0, f"{label}: a stop ends with status 0")
    connection = scene.start()
    figures, answer = info(connection), attempt(connection, "EV.GET", victim[0])
    claims.check(figures["state"] == "ok" and isinstance(answer, list), f"{label}: it is well again when the disk is",
                 f"{figures['state']}, {figures['damaged']}")
    scene.daemon.stop()


def failed_seal(claims, folder, options):
    """Sealing cannot write its output: that is trouble, not failure, and it is tried again."""
    scene, label = Scene(claims, folder, options), "row 28: EIO while a segment is sealed"
    connection = scene.start()
    scene.append(MANY, limit=300)
    scene.settle()
    output = os.path.join(scene.daemon.data, "log", f"{1:020}.segment.tmp")
    with Strace(scene.daemon, ["pwritev:error=EIO"], paths=[output]) as strace:
        connection.ask("EV.ROLL")
        deadline = time.monotonic() + 20
        while strace.count("pwritev") == 0 and time.monotonic() < deadline:
            time.sleep(0.05)
        scene.judge(connection, label)
        scene.append(MANY, limit=50)
        settled = scene.settle()
    claims.check(strace.count("pwritev") > 0 and settled and not scene.errors, f"{label}: appends and reads go on",
                 f"{sorted(scene.errors)}")
    wait_until_sealed(connection, 60)
    claims.check(True, f"{label}: it is sealed once it can be")
    scene.judge(connection, label)
    claims.check(info(connection)["state"] == "ok", f"{label}: the store is well")
    scene.daemon.stop()


def failed_recovery(claims, folder, options):
    """A start that meets an error leaves everything for the next."""
    scene = Scene(claims, folder, options)
    connection = scene.start()
    scene.append(MANY)
    time.sleep(0.3)
    connection.close()
    scene.daemon.kill()
    scene.settle()
    log = os.path.join(scene.daemon.data, "log")
    # Reads by path, for the loader reads too.
    reads = [part for path in scene.daemon.files(".active", ".segment") for part in ("-P", path)]
    calls = {"fdatasync": [], "pwritev": [], "fsync": ["-P", log], "pread64": reads}
    for call, paths in calls.items():
        status, said = scene.daemon.refuses(30, ["strace", "-D", "-f", "-o", os.path.join(scene.daemon.folder, "trace"),
                                                 *paths, "-e", f"trace={call}", "-e", f"inject={call}:error=EIO"])
        claims.check(status == IO_ERROR,
                     f"row 50: EIO from {call} in recovery is a start refused with status {IO_ERROR}",
                     f"{status} {said}")
    connection = scene.start()
    scene.judge(connection, f"row 50: after {len(calls)} failed starts")
    scene.daemon.stop()


CASES = {
    "sync": lambda *to: failed_sync(*to, 7, "EIO from fdatasync", MANY, "fdatasync:error=EIO:when=3+"),
    "lone": lambda *to: failed_sync(*to, 7, "EIO from fdatasync, one client", LONE, "fdatasync:error=EIO:when=3+"),
    "sync-space": lambda *to: failed_sync(*to, 11, "ENOSPC from fdatasync", MANY, "fdatasync:error=ENOSPC:when=3+"),
    "sync-interrupted": lambda *to: failed_sync(*to, 6, "EINTR from fdatasync", MANY, "fdatasync:error=EINTR:when=3+"),
    "write": lambda *to: failed_sync(*to, 9, "EIO from pwritev", MANY, "pwritev:error=EIO:when=3+"),
    "write-quota": lambda *to: failed_sync(*to, 9, "EDQUOT from pwritev", MANY, "pwritev:error=EDQUOT:when=3+"),
    "write-limit": file_size_limit,
    "cache": forgotten_pages,
    "name": failed_name,
    "spare": failed_spare,
    "write-interrupted": lambda *to: harmless(*to, 6, "EINTR from every other write", "pwritev:error=EINTR:when=1+2"),
    "read-interrupted": lambda *to: harmless(*to, 6, "EINTR from every other read", "pread64:error=EINTR:when=1+2"),
    "slow": slow_sync,
    "read": unreadable_block,
    "seal": failed_seal,
    "recovery": failed_recovery,
}


def may_trace():
    if not shutil.which("strace"):
        return False
    with subprocess.Popen(["sleep", "10"]) as sleeper:
        tracer = subprocess.run(["timeout", "1", "strace", "-o", "/dev/null", "-p", str(sleeper.pid)],
                                stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        sleeper.kill()
    return "attached" in tracer.stderr


def main():
    parser = arguments("Failing system calls, by strace.")
    parser.add_argument("--only", choices=CASES, nargs="+", help="these cases alone")
    options = parser.parse_args()
    claims = Claims()
    if not may_trace():
        claims.skip("faults: strace is not installed, or may not trace other processes here")
        sys.exit(0)
    for name in options.only or CASES:
        # A folder each, so that what a case leaves behind is its own.
        with Folder() as folder:
            CASES[name](claims, folder, options)
    claims.end()


if __name__ == "__main__":
    main()
