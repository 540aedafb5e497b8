#!/usr/bin/env python3
"""Owns: the claim that the console session of the README works as printed.

Types the lines that begin with "$ " into one shell, and compares what comes with what stands below them.
"""

import re
import subprocess
import sys

from store import TOP, Claims

MARK = "-- end of output --"


def session(readme):
    """Pairs of a command and the output printed below it."""
    block = re.search(r"^```console\n(.*?)^```$", readme, re.M | re.S).group(1)
    parts = re.split(r"^\$ ", block, flags=re.M)[1:]
    return [tuple(part.split("\n", 1)) for part in parts]


def main():
    claims = Claims()
    with open(f"{TOP}/README.md") as file:
        steps = session(file.read())
    typed = "".join(f"{command}\necho '{MARK}'\n" for command, _ in steps)
    try:
        # On its way out the shell ends what it began.
        done = subprocess.run(["bash", "-c", "trap 'kill $(jobs -p) 2>/dev/null; wait' EXIT\n" + typed], cwd=TOP,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=120, text=True)
    except subprocess.TimeoutExpired:
        sys.exit("FAIL  the session did not end within 120 s")
    outputs = done.stdout.split(MARK + "\n")
    for (command, expected), found in zip(steps, outputs):
        claims.check(found == expected, command, "" if found == expected else f"printed {found!r}, not {expected!r}")
    claims.check(len(outputs) == len(steps) + 1, "the session went through to its end")
    claims.end()


if __name__ == "__main__":
    main()
