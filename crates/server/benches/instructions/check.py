#!/usr/bin/env python3
"""Compares how many instructions the hottest paths take with how many they took.

    check.py BINARY            fails where a path takes more than TOLERANCE more than the baseline says
    check.py BINARY --update   writes the baseline anew

BINARY is the benchmark `instructions`. The numbers are those of valgrind, which counts what the program itself executes and
not the kernel: no other load changes them.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

BASELINE = Path(__file__).with_name("baseline.json")
TOLERANCE = 0.05
COUNTS = (200, 600)


def main(binary, update=False):
    names = subprocess.run([binary], capture_output=True, text=True, check=True).stdout.splitlines()
    baseline = json.loads(BASELINE.read_text()) if BASELINE.exists() else {}
    found, slower = {}, []
    for name in names:
        found[name] = instructions(binary, name)
        before = baseline.get(name)
        change = found[name] / before - 1 if before else 0
        print(f"{name:<46}{found[name]:>10}{f'{change:+.1%}' if before else 'new':>9}", flush=True)
        if change > TOLERANCE:
            slower.append(name)
    if update:
        BASELINE.write_text(json.dumps(found, indent=2) + "\n")
    elif slower:
        sys.exit(f"more instructions than before, by over {TOLERANCE:.0%}: {', '.join(slower)}")
    elif missing := [name for name in names if name not in baseline]:
        sys.exit(f"not in the baseline: {', '.join(missing)}; write it with --update")


def instructions(binary, name):
    """What one time through the path takes."""
    fewer, more = (total(binary, name, count) for count in COUNTS)
    return round((more - fewer) / (COUNTS[1] - COUNTS[0]))


def total(binary, name, count):
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", binary, name, str(count)]
    ran = subprocess.run(command, capture_output=True, text=True)
    if ran.returncode:
        sys.exit(f"{name}: {ran.stderr.strip()}")
    return int(re.search(r"Collected : (\d+)", ran.stderr)[1])


if __name__ == "__main__":
    main(sys.argv[1], "--update" in sys.argv[2:])
