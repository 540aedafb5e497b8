#!/usr/bin/env python3
"""Owns: what the hot loops may cost: instructions and allocations per operation, which never grow unnoticed.

    ratchet.py [NAME...]            compares with ratchet.json, and fails where a loop has become dearer
    ratchet.py --update [NAME...]   writes what is measured into ratchet.json
    ratchet.py --keep FOLDER        keeps callgrind's files: `callgrind_annotate FILE | swift demangle` tells where it goes

Valgrind counts, not the processor: it shows every program the same processor with AVX2, whatever the machine has, so that
simdjson, glibc and libdeflate choose the same code everywhere, and the same binary gives the same count. A count is not a time:
how fast a loop is on this machine, `microbench time` says. Where the compiler or a C library is another than the figures
were made with (Swift 6.3, Debian 12), --update first, on the code as it was before the change.
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
RATCHET = HERE / "ratchet.json"
# The loop's function, by its mangled name. Callgrind obeys one order for one pattern, so there are two patterns.
LOOP = "hotLoop"
ORDERS = [f"--zero-before=*{LOOP}*", f"--dump-after=*{LOOP}_*"]
# By how much a figure may pass the ratchet. The same binary gives the same count to within a percent; compilers and linkers
# arrange code a little differently each time.
INSTRUCTIONS_SLACK = 0.03
ALLOCATIONS_SLACK = 0.02
# What a burst costs at its beginning and end, spread over its events, is not an allocation per event.
AMORTISED = 0.01
# Loops that are never to allocate per event, whatever the ratchet says.
ALLOCATION_FREE = {"append-find", "append-plain", "append-decode", "append-parse", "append-validate", "append-stage", "reply-integer", "reply-event"}
ALLOCATORS = {"malloc", "calloc", "realloc", "posix_memalign", "aligned_alloc", "memalign"}


def read_profile(path):
    """Instructions of the loop, with all it calls, and calls of allocators, of one of callgrind's files."""
    names, callee, instructions, allocations = {}, "", None, 0
    lines = iter(path.read_text().splitlines())
    for line in lines:
        if match := re.match(r"c?fn=\((\d+)\)(?: (.*))?", line):
            if match[2]:
                names[match[1]] = match[2]
            if line.startswith("cfn"):
                callee = names[match[1]].partition("'")[0]
        elif match := re.match(r"calls=(\d+) ", line):
            # The next line has the cost of these calls.
            cost = int(next(lines).split()[1])
            if callee in ALLOCATORS:
                allocations += int(match[1])
            elif LOOP in callee:
                instructions = cost
    return instructions, allocations


def measure(microbench, name, folder, *flags):
    """Instructions and allocations per operation."""
    out = folder / f"{name}.callgrind"
    command = ["valgrind", "--tool=callgrind", *ORDERS, f"--callgrind-out-file={out}", microbench, "run", name, *flags]
    # One seed for all hash tables, and a temporary folder that goes with us.
    environment = {"PATH": os.environ["PATH"], "SWIFT_DETERMINISTIC_HASHING": "1", "TMPDIR": str(folder)}
    done = subprocess.run(command, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    printed = re.fullmatch(r"(\d+) operations\n", done.stdout)
    if done.returncode != 0 or not printed:
        sys.exit(f"FAIL  {name} did not run:\n{done.stdout}{done.stderr[-4000:]}")
    # The first file is of the loop; what comes after it is in another.
    profile = out.with_name(out.name + ".1")
    instructions, allocations = read_profile(profile) if profile.exists() else (None, 0)
    if not instructions:
        sys.exit(f"FAIL  {name}: callgrind has not seen the loop")
    return {"instructions": round(instructions / int(printed[1]), 1), "allocations": round(allocations / int(printed[1]), 4)}


def judge(name, now, before):
    """What is wrong, in words; and a remark."""
    wrong, remark = [], ""
    if name in ALLOCATION_FREE and now["allocations"] >= AMORTISED:
        wrong.append(f"{now['allocations']} allocations per operation; there are to be none")
    if before is None:
        return wrong + ["it has no ratchet; --update gives it one"], remark
    for what, slack in (("instructions", INSTRUCTIONS_SLACK), ("allocations", ALLOCATIONS_SLACK)):
        margin = before[what] * slack + (AMORTISED if what == "allocations" else 0)
        if now[what] > before[what] + margin:
            wrong.append(f"{now[what]} {what} per operation; the ratchet is at {before[what]}")
        elif now[what] < before[what] - margin:
            remark = "  cheaper than the ratchet: tighten it with --update"
    return wrong, remark


def main():
    parser = argparse.ArgumentParser(description="Compare what the hot loops cost with what they may cost.")
    parser.add_argument("names", nargs="*", help="which; all where none is given")
    parser.add_argument("--update", action="store_true", help="write what is measured into ratchet.json")
    parser.add_argument("--keep", type=pathlib.Path, help="keep callgrind's files in this folder")
    parser.add_argument("--sabotage", action="store_true", help="let each operation allocate, which must be found")
    parser.add_argument("--microbench", default=str(HERE.parents[1] / ".build/release/microbench"))
    options = parser.parse_args()
    if not shutil.which("valgrind"):
        print("skip  there is no valgrind to count instructions with")
        return
    if "avx2" not in pathlib.Path("/proc/cpuinfo").read_text():
        print("skip  valgrind shows a processor without AVX2 here, for which other code is chosen than was counted")
        return

    listed = subprocess.run([options.microbench, "list"], check=True, text=True, stdout=subprocess.PIPE).stdout
    known = [line.split()[0] for line in listed.splitlines()]
    if unknown := set(options.names) - set(known):
        sys.exit(f"there is no benchmark {', '.join(sorted(unknown))}")
    names = options.names or known
    ratchet = json.loads(RATCHET.read_text())
    failed = set() if options.update else set(ratchet) - set(known)
    for name in sorted(failed):
        print(f"FAIL  {name}: it has a ratchet and is no benchmark")

    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or pathlib.Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        # Debian 12's valgrind gives up on the debugging information of today's compilers.
        stripped = pathlib.Path(temporary) / "microbench"
        subprocess.run(["strip", "--strip-debug", "-o", stripped, options.microbench], check=True)
        flags = ["--sabotage"] if options.sabotage else []
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            results = list(pool.map(lambda name: measure(stripped, name, folder, *flags), names))
    for name, now in zip(names, results):
        wrong, remark = judge(name, now, now if options.update else ratchet.get(name))
        cost = f"{now['instructions']:.1f} instructions, {now['allocations']:.3f} allocations per operation"
        print(f"{'FAIL' if wrong else 'ok  '}  {name}: {'; '.join(wrong) or cost}{remark}", flush=True)
        if wrong:
            failed.add(name)
    if options.update:
        ratchet = {name: ratchet.get(name) for name in known} | dict(zip(names, results))
        lines = [f"  {json.dumps(name)}: {json.dumps(cost)}" for name, cost in ratchet.items() if cost]
        RATCHET.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    if failed:
        sys.exit(1)


main()
