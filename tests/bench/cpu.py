#!/usr/bin/env python3
"""What counting costs: CPU time of Go programs, plain and covered, side by side.

Builds each program of tests/programs/bench in every variant and runs the variants interleaved,
in another order each round, so that what else the machine does hits all of them alike. The
figure is the program's own: user and system time around its work (its line `cpu_ns N`). Prints
the median over the rounds of the ratio to the plain build of the same round.

    python3 tests/bench/cpu.py [--rounds 7] [--only numeric,conc8] [--no-trace]
"""

import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile

import relay

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
PROGRAMS = REPOSITORY / "tests/programs/bench"

# Name, flags of `go build`, packages to count.
SOURCES = {
    "numeric": "./numeric",
    "nqueens": "./nqueens",
    "conc8": "./conc8",
    "typecheck": "./typecheck",
}
# What typecheck spends its time in.
COVERPKG = {"typecheck": ["-coverpkg=./...,go/..."]}

VARIANTS = ["plain", "go -cover count", "counting", "flow off", "flow on"]


def build(tool, name, variant, out):
    package, flags = SOURCES[name], COVERPKG.get(name, [])
    if variant == "plain":
        command = ["go", "build", "-o", out, package]
    elif variant == "go -cover count":
        command = ["go", "build", "-cover", "-covermode=count", *flags, "-o", out, package]
    elif variant == "counting":
        command = [tool, "build", "--flow=off", *flags, "-o", out, package]
    else:
        command = [tool, "build", *flags, "-o", out, package]
    subprocess.run(command, cwd=PROGRAMS, check=True)


def run(binary, environment, trace=None):
    """CPU time of one run, in seconds."""
    with subprocess.Popen(
        [binary, "-wait"], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        if process.stdout.readline() != "ready\n":
            sys.exit(f"{binary} is not ready")
        if trace:
            trace(process.pid)
        out, _ = process.communicate("go\n")
    last = out.splitlines()[-1].split()
    if process.returncode or last[0] != "cpu_ns":
        sys.exit(f"{binary} failed: {process.returncode}")
    return int(last[1]) / 1e9


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", default=",".join(SOURCES))
    parser.add_argument("--coverglass", type=os.path.abspath,
                        default=str(REPOSITORY / "target/release/coverglass"))
    parser.add_argument("--no-trace", action="store_true", help="leave out the variant flow on")
    parser.add_argument("--json", help="write every single figure to this file")
    arguments = parser.parse_args()
    names = arguments.only.split(",")
    variants = [v for v in VARIANTS if not (arguments.no_trace and v == "flow on")]

    scratch = pathlib.Path(tempfile.mkdtemp(prefix="coverglass-bench-"))
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    shared = tempfile.mkdtemp(prefix="coverglass-bench-", dir=memory)
    environment = dict(os.environ, COVERGLASS_DIR=shared, GOCOVERDIR=str(scratch))
    server = None
    try:
        for name in names:
            for variant in variants:
                build(arguments.coverglass, name, variant, scratch / f"{name} {variant}")
        if "flow on" in variants:
            server = relay.Relay(arguments.coverglass, shared)
        figures = {name: {variant: [] for variant in variants} for name in names}
        for round_number in range(arguments.rounds + 1):
            for name in names:
                turn = round_number % len(variants)
                for variant in variants[turn:] + variants[:turn]:
                    trace = server.trace if variant == "flow on" else None
                    seconds = run(scratch / f"{name} {variant}", environment, trace)
                    # The first round warms caches and counts for nothing.
                    if round_number > 0:
                        figures[name][variant].append(seconds)
            print(f"round {round_number} of {arguments.rounds}", file=sys.stderr)
    finally:
        if server:
            server.close()
        shutil.rmtree(scratch, ignore_errors=True)
        shutil.rmtree(shared, ignore_errors=True)

    if arguments.json:
        pathlib.Path(arguments.json).write_text(json.dumps(figures, indent=1))
    print("| program | plain, ms | " + " | ".join(variants[1:]) + " |")
    print("|---" * (len(variants) + 1) + "|")
    for name in names:
        plain = figures[name]["plain"]
        cells = [f"{1000 * statistics.median(plain):.0f}"]
        for variant in variants[1:]:
            ratios = [own / base for own, base in zip(figures[name][variant], plain)]
            cells.append(f"{statistics.median(ratios):.2f} ({min(ratios):.2f}–{max(ratios):.2f})")
        print(f"| {name} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
