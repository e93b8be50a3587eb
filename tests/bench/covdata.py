#!/usr/bin/env python3
"""What `coverglass covdata` costs beside Go's `covdata`, on the same folders.

Both are run interleaved, in another order each round, so that what else the machine does hits
both alike. Go's tool is called directly, without `go tool` in front. Prints the median over the
rounds of wall time and CPU time, of the ratio of wall times in the same round, and peak memory.

    python3 tests/bench/covdata.py FOLDER [--rounds 7] [--only percent,merge] [--growth]

FOLDER is a GOCOVERDIR with many counter files of one binary; tests/bench/README.md says how to
make one. --growth measures a quarter and four times its files, and its units alone, as well.
"""

import argparse
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
COMMANDS = ["percent", "func", "textfmt", "merge", "merge -pcombine", "subtract", "intersect",
            "pkglist", "debugdump"]
WRITES_FOLDER = {"merge", "subtract", "intersect"}


def go_tool():
    """Go's covdata; since 1.25 the go command builds it on demand."""
    path = subprocess.run(["go", "tool", "-n", "covdata"], check=True, capture_output=True, text=True)
    return path.stdout.strip()


def run(command, scratch):
    """Wall and CPU seconds and peak memory in MB of one run."""
    with open(scratch / "stdout", "wb") as stdout:
        start = time.perf_counter()
        process = subprocess.Popen(command, stdout=stdout, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{command} failed: {process.returncode}")
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def measure(tools, name, folders, rounds, scratch):
    """Figures of each tool, a tuple for each round."""
    verb, *flags = name.split()
    figures = {tool: [] for tool in tools}
    for round_number in range(rounds + 1):
        turn = round_number % 2
        order = list(tools)
        for tool in order[turn:] + order[:turn]:
            out = scratch / "out"
            shutil.rmtree(out, ignore_errors=True)
            out.mkdir()
            command = [*tools[tool], verb, *flags, f"-i={','.join(map(str, folders))}"]
            if verb in WRITES_FOLDER:
                command.append(f"-o={out}")
            elif verb == "textfmt":
                command.append(f"-o={out}/profile")
            figure = run(command, scratch)
            # The first round warms caches and counts for nothing.
            if round_number > 0:
                figures[tool].append(figure)
    return figures


def row(label, figures):
    go, own = figures["go"], figures["coverglass"]
    cells = [label]
    for each in (go, own):
        wall, cpu, memory = (statistics.median(column) for column in zip(*each))
        cells.append(f"{wall:.3f} / {cpu:.3f} / {memory:.0f}")
    ratios = [base[0] / mine[0] for base, mine in zip(go, own)]
    cells.append(f"{statistics.median(ratios):.1f} ({min(ratios):.1f}–{max(ratios):.1f})")
    cpu = [base[1] / mine[1] for base, mine in zip(go, own)]
    cells.append(f"{statistics.median(cpu):.1f}")
    print("| " + " | ".join(cells) + " |", flush=True)


def part(source, target, counters, copies=1):
    """A folder with the meta-data of `source` and these counter files, each so many times."""
    target.mkdir()
    for meta in source.glob("covmeta.*"):
        shutil.copy(meta, target)
    for copy in range(copies):
        for counter in counters:
            os.link(counter, target / f"{counter.name}{copy}")
    return target


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=lambda path: pathlib.Path(path).resolve())
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", default=",".join(COMMANDS))
    parser.add_argument("--growth", action="store_true")
    parser.add_argument("--coverglass", type=os.path.abspath,
                        default=str(REPOSITORY / "target/release/coverglass"))
    arguments = parser.parse_args()
    tools = {"go": [go_tool()], "coverglass": [arguments.coverglass, "covdata"]}
    # Beside the data, so that counter files can be linked.
    scratch = pathlib.Path(tempfile.mkdtemp(prefix="coverglass-bench-", dir=arguments.folder.parent))
    try:
        counters = sorted(arguments.folder.glob("covcounters.*"))
        first = part(arguments.folder, scratch / "first", counters[::2])
        second = part(arguments.folder, scratch / "second", counters[1::2])
        print("| command | Go: wall s / CPU s / MB | Coverglass | wall, times faster | CPU |")
        print("|---|---|---|---|---|")
        for name in arguments.only.split(","):
            of_two = name in ("subtract", "intersect")
            folders = [first, second] if of_two else [arguments.folder]
            row(name, measure(tools, name, folders, arguments.rounds, scratch))
        if arguments.growth:
            sizes = [(len(counters) // 4, 1), (len(counters), 1), (len(counters), 4)]
            for n_files, copies in sizes:
                folder = part(arguments.folder, scratch / f"{n_files}-{copies}",
                              counters[:n_files], copies)
                figures = measure(tools, "percent", [folder], arguments.rounds, scratch)
                row(f"percent, {n_files * copies} files", figures)
            for n_files in (0, 1):
                folder = part(arguments.folder, scratch / f"units-{n_files}", counters[:n_files])
                figures = measure(tools, "textfmt", [folder], arguments.rounds, scratch)
                row(f"textfmt, all units, {n_files} files", figures)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


if __name__ == "__main__":
    main()
