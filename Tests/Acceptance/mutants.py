#!/usr/bin/env python3
# Owns: the proof of the simulation: the code is broken on purpose, one promise at a time, in a copy of the tree, and
# `faultsim` must find a violation each time. A simulation that finds nothing wrong with this code would find nothing wrong
# with any. What guards against things that the simulation does not do to a store, `damage.py` must find.
#
#   mutants.py [--all] [--every N] [--scratch FOLDER] [NAME...]
#
# Without --all: the two that every change is tried against. --every flips only so many of the bits. --scratch keeps the copy
# and its build for the next time.
import argparse, pathlib, re, shutil, subprocess, sys, tempfile, time

TOP = pathlib.Path(__file__).resolve().parents[2]
LOG = "Sources/SegmentLog/"
SEEDS = 20_000


class Mutant:
    def __init__(self, name, breaks, file, old, new, damage=False, flips=False, often=True, case=None):
        self.name, self.breaks, self.file, self.old, self.new = name, breaks, file, old, new
        # Whether it is looked for among damage at rest, or by flipping every bit; whether it is tried with every change; which
        # case of `damage.py` finds it.
        self.damage, self.flips, self.often, self.case = damage, flips, often, case


MUTANTS = [
    Mutant("directory-sync", "a new segment's name is durable before anything is acknowledged in it",
           LOG + "Writing/ActiveSegment.swift",
           "            prepared.isRenamed = true\n            try disk.syncDirectory(directory.log)\n",
           "            prepared.isRenamed = true\n",
           often=False),
    Mutant("early-acknowledgement", "a commit is acknowledged after its sync",
           LOG + "Writing/LogWriter.swift",
           "                if let failed { throw failed }\n                try segment.file.sync()\n",
           "                if let failed { throw failed }\n"),
    Mutant("truncation", "what a later frame proves durable is damage, and is never cut",
           LOG + "Recovery/TailScanner.swift",
           "else if let proof = try firstProof(ofBytesAt: offset) {",
           "else if let proof = try firstProof(ofBytesAt: offset), proof.offset == offset {",
           flips=True),
    Mutant("sealed-name", "a sealed segment's name is durable before its raw file is used anew",
           LOG + "Sealing/Sealing.swift",
           "            isComplete = true\n            try disk.syncDirectory(directory.log)\n",
           "            isComplete = true\n",
           often=False),
    Mutant("sealed-bytes", "a sealed segment is durable before it takes the place of the raw one",
           LOG + "Sealing/BlockWriter.swift",
           "            try file.write(bytes, at: position)\n            try file.sync()\n",
           "            try file.write(bytes, at: position)\n",
           often=False),
    Mutant("whole-file", "a file that replaces another is durable before it has its name",
           "Sources/Disk/Disk.swift",
           "        try file.write(bytes, at: FileOffset(0))\n        try file.sync()\n",
           "        try file.write(bytes, at: FileOffset(0))\n",
           often=False),
    Mutant("doubtful-tail", "a last frame that nothing proves is written anew before anything rests on it",
           LOG + "Recovery/LogRepair.swift",
           "        if let frame = outcome.unprovenFrame, try move(frame, from: newest) { return place }\n",
           "",
           often=False),
    Mutant("identity", "the frames of a file's former life are not taken for its own",
           LOG + "Format/FileHeader.swift",
           "Checksum.crc32(store.bytes + segment.bytes)",
           "Checksum.crc32(store.bytes)",
           often=False),
    Mutant("half-a-commit", "a commit is recovered whole or not at all",
           LOG + "Recovery/TailScanner.swift",
           "guard walk.isWhole else { return false }",
           "guard walk.records.first?.record != nil || frame.recordCount == 0 else { return false }",
           often=False),
    Mutant("retry", "after a failed sync no commit succeeds",
           LOG + "Writing/LogWriter.swift",
           "        } catch {\n            failure = error\n            throw error\n        }\n        tail = header.end\n",
           "        }\n        tail = header.end\n",
           often=False),
    Mutant("covered-hole", "a segment answers for its own ids alone",
           LOG + "Sealing/Compaction.swift",
           "if let last = runs.last?.last, last.footer.lastCovered.next == segment.footer.firstCovered {",
           "if let last = runs.last?.last, last.footer.lastCovered < segment.footer.firstCovered {",
           damage=True, often=False),
    Mutant("silent-hole", "a scan never passes over what is damaged",
           LOG + "Reading/LogScan.swift",
           "            guard query.skipsDamage else { throw .corrupt(hole, reason: \"damaged on disk\") }\n",
           "",
           damage=True, often=False),
    Mutant("manifest-first", "no record is acknowledged in a segment before the manifest says that it is in use",
           LOG + "Writing/LogWriter.swift",
           "        if !isWitnessed {\n            try tell(.inUse)\n",
           "        if !isWitnessed {\n",
           often=False, case="newest"),
    Mutant("manifest-witness", "what the manifest proves durable is damage, and is never cut",
           LOG + "Recovery/TailScanner.swift",
           "        if let witness, witness.segment == header.identity.segment, witness.durableOffset",
           "        if let witness, witness.segment == .zero, witness.durableOffset",
           often=False, case="newest"),
    Mutant("shortened-file", "a file that is shorter than its header says may have held what is gone",
           LOG + "Recovery/RawInspection.swift",
           "if trailer == nil, size < header.fileBytes && !outcome.hasCleanEnd || outcome.endsAtWitness {",
           "if trailer == nil, outcome.endsAtWitness {",
           often=False, case="newest"),
    Mutant("directory-lock", "a store has one owner, whatever becomes of its lock file",
           LOG + "Recovery/StoreClaim.swift",
           "            guard let owned = try disk.lockDirectory(directory.data) else { return nil }\n"
           "            return try disk.lock(directory.lock).map { [owned, $0] }\n",
           "            return try disk.lock(directory.lock).map { [$0] }\n",
           often=False, case="owners"),
    Mutant("only-good-copy", "a raw segment is given up only where every block of its sealed one can be read",
           LOG + "Recovery/LogInventory.swift",
           "isWhole = try copy?.isWhole() ?? false",
           "isWhole = copy != nil",
           often=False, case="beside"),
]


def run(*command, **options):
    return subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options)


def copy_tree(folder):
    """The files that git knows, as they are now; what has not changed keeps its time, so that little is built again."""
    for name in run("git", "ls-files", cwd=TOP, check=True).stdout.split("\n"):
        source, copy = TOP / name, folder / name
        if not name or not source.is_file():
            continue
        if not copy.exists() or copy.read_bytes() != source.read_bytes():
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, copy)


def build(folder, products):
    for product in products:
        built = run("swift", "build", "-c", "release", "--product", product, "--scratch-path", str(folder / ".build"), cwd=folder)
        if built.returncode != 0:
            sys.exit(f"FAIL  the copy does not build:\n{built.stdout[-4000:]}")


def simulate(mutant, folder, every):
    """What the simulation finds, in words; None where that is nothing. And all that it says."""
    build(folder, ["faultsim"])
    program = str(folder / ".build/release/faultsim")
    if mutant.flips:
        found = run(program, "flips", "--limit", "1", "--every", str(every))
        first = re.search(r"^bit \d+ of byte .*", found.stdout, re.M)
        return first[0] if first and found.returncode != 0 else None, found.stdout
    command = [program, "crashes", "--seeds", f"0..<{SEEDS}", "--limit", "1"]
    found = run(*command, *(["--damage"] if mutant.damage else []))
    first = re.search(r"^seed (\d+): (.*)", found.stdout, re.M)
    seeds = re.search(r"^(\d+) seeds", found.stdout, re.M)
    what = None
    if first and found.returncode != 0:
        what = f"seed {first[1]}, after {seeds[1]}: {first[2]}"
    elif found.returncode < 0:
        # A mutant may also run into a precondition: that is a find, too.
        what = "a precondition stops it"
    return what, found.stdout


def damage(mutant, folder):
    """The same of a case of `damage.py`."""
    build(folder, ["evstored", "evctl"])
    found = run(folder / "Tests/Acceptance/damage.py", "--only", mutant.case)
    first = re.search(r"^FAIL  (row .*)", found.stdout, re.M)
    return first[1] if first and found.returncode == 1 else None, found.stdout


def try_mutant(mutant, folder, every):
    """Whether the mutant is found."""
    start = time.monotonic()
    path = folder / mutant.file
    whole = path.read_text()
    if whole.count(mutant.old) != 1:
        sys.exit(f"FAIL  {mutant.name}: the code that it breaks has changed; {mutant.file} must be looked at")
    path.write_text(whole.replace(mutant.old, mutant.new))
    try:
        what, said = damage(mutant, folder) if mutant.case else simulate(mutant, folder, every)
    finally:
        path.write_text(whole)
    took = time.monotonic() - start
    if not what:
        bits = "every bit" if every == 1 else f"every {every}th bit"
        seeds = f"{bits}, flipped, finds" if mutant.flips else f"{SEEDS} seeds find"
        where = f"the case {mutant.case} of damage.py finds" if mutant.case else seeds
        print(f"FAIL  {mutant.name}: {mutant.breaks}: {where} nothing\n{said[-2000:]}")
        return False
    print(f"ok    {mutant.name}: {mutant.breaks} ({took:.0f} s)\n      {what[:240]}", flush=True)
    return True


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--scratch")
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    chosen = [m for m in MUTANTS if (m.name in options.names if options.names else m.often or options.all)]
    temporary = None if options.scratch else tempfile.TemporaryDirectory()
    folder = pathlib.Path(options.scratch or temporary.name)
    folder.mkdir(parents=True, exist_ok=True)
    copy_tree(folder)
    results = [try_mutant(mutant, folder, options.every) for mutant in chosen]
    if not all(results):
        sys.exit(1)
    print(f"ok    {len(results)} ways to break the code, each of them found")


main()
