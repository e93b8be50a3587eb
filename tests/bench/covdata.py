#!/usr/bin/env python3
"""What `coverglass covdata` costs beside Go's `covdata`, on the same folders.

Both are run interleaved, in another order each round, so that what else the machine does hits
both alike. Go's tool is called directly, without `go tool` in front. Prints the median over the
rounds of wall time and CPU time, and of their ratios in the same round; and peak memory.

    python3 tests/bench/covdata.py FOLDER... [--rounds 7] [--only percent,merge] [--growth]

A FOLDER is a GOCOVERDIR with many counter files of one or several binaries; tests/bench/README.md
says how to make one. --growth adds how times grow: with a quarter and four times the files, and
with the units of each binary, if there are several, from the fewest to the most and then all.
Needs Go and GNU time.
"""

import argparse
import os
import pathlib
import shutil
import statistics
import subprocess
import tempfile

from timed import run

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
COMMANDS = ["percent", "func", "textfmt", "merge", "merge -pcombine", "subtract", "intersect",
            "pkglist", "debugdump"]
WRITES_FOLDER = {"merge", "subtract", "intersect"}


def go_tool():
    """Go's covdata; since 1.25 the go command builds it on demand."""
    path = subprocess.run(["go", "tool", "-n", "covdata"], check=True, capture_output=True, text=True)
    return path.stdout.strip()


def peak(command, scratch):
    """Peak memory of one run in MB, by GNU time: a child of this process would start with what
    this process has."""
    run(["time", "-f", "%M", "-o", scratch / "peak", *command], scratch)
    return int((scratch / "peak").read_text()) / 1024


def measure(tools, name, folders, rounds, scratch):
    """Figures of each tool: for each round a tuple, and peak memory."""
    verb, *flags = name.split()
    figures, peaks = {tool: [] for tool in tools}, {}
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
            # The first round warms caches, and its times count for nothing.
            if round_number == 0:
                peaks[tool] = peak(command, scratch)
            else:
                figures[tool].append(run(command, scratch)[:2])
    return figures, peaks


def head():
    print("| command | Go: wall s / CPU s / MB | Coverglass | wall, times faster | CPU | memory, of Go's |")
    print("|---|---|---|---|---|---|", flush=True)


def row(label, measured):
    """Prints a row, and gives the median CPU time of each tool."""
    figures, peaks = measured
    cells = [label]
    medians = {tool: [statistics.median(column) for column in zip(*each)]
               for tool, each in figures.items()}
    for tool, (wall, cpu) in medians.items():
        cells.append(f"{wall:.3f} / {cpu:.3f} / {peaks[tool]:.0f}")
    for kind in (0, 1):
        ratios = [go[kind] / own[kind] for go, own in zip(figures["go"], figures["coverglass"])]
        cells.append(f"{statistics.median(ratios):.1f} ({min(ratios):.1f}–{max(ratios):.1f})")
    cells.append(f"{peaks['coverglass'] / peaks['go']:.2f}")
    print("| " + " | ".join(cells) + " |", flush=True)
    return [cpu for _, cpu in medians.values()]


def growth(what, amounts, costs):
    """How CPU time grew, from the first of some measurements to the last."""
    times = amounts[-1] / amounts[0]
    go, own = (last / first for first, last in zip(costs[0], costs[-1]))
    print(f"\n{times:.1f} times the {what}: Go's CPU time {go:.1f} times, Coverglass {own:.1f} times")


def part(source, target, counters, copies=1, pods=None):
    """A folder with the meta-data of `source`, or only these pods', and these counter files, each
    so many times."""
    target.mkdir()
    for meta in source.glob("covmeta.*"):
        if pods is None or pod(meta) in pods:
            shutil.copy(meta, target)
    for copy in range(copies):
        for counter in counters:
            os.link(counter, target / f"{counter.name}{copy}")
    return target


def pod(path):
    """The hash that the files of a pod have in their names."""
    return path.name.split(".")[1]


def n_units(tools, folder, scratch):
    """How many units the binaries of a folder have; what several have alike is one."""
    profile = scratch / "profile"
    run([*tools["coverglass"], "textfmt", f"-i={folder}", f"-o={profile}"], scratch)
    with open(profile, "rb") as lines:
        return sum(1 for _ in lines) - 1


def bench(source, tools, arguments, scratch):
    """The tables of a folder."""
    counters = sorted(source.glob("covcounters.*"))
    pods = sorted({pod(counter) for counter in counters})
    size = sum(counter.stat().st_size for counter in counters) / 1e6
    print(f"\n{source.name}: {len(pods)} binaries, {n_units(tools, source, scratch)} units, "
          f"{len(counters)} counter files, {size:.0f} MB; load average {os.getloadavg()[0]:.1f}\n")
    # Go's tool crashes where several binaries have counters in both folders.
    second = [counter for counter in counters if pod(counter) == pods[-1]][1::2]
    chosen = set(second)
    first = [counter for counter in counters if counter not in chosen]
    halves = [part(source, scratch / "first", first),
              part(source, scratch / "second", second, pods=pods[-1:])]
    head()
    for name in arguments.only.split(","):
        of_two = name in ("subtract", "intersect")
        folders = halves if of_two else [source]
        row(name, measure(tools, name, folders, arguments.rounds, scratch))
    if not arguments.growth:
        return
    amounts, costs = [], []
    print()
    head()
    for step, copies in [(4, 1), (1, 1), (1, 4)]:
        files = counters[::step]
        folder = part(source, scratch / f"files-{step}-{copies}", files, copies)
        amounts.append(len(files) * copies)
        figures = measure(tools, "percent", [folder], arguments.rounds, scratch)
        costs.append(row(f"percent, {amounts[-1]} files", figures))
    growth("files", amounts, costs)
    folders = []
    for some in [*([one] for one in pods), *([pods] if len(pods) > 1 else [])]:
        # One counter file of each, so that units are all that counts.
        files = [next(counter for counter in counters if pod(counter) == one) for one in some]
        folder = part(source, scratch / f"units-{len(folders)}", files, pods=some)
        folders.append((n_units(tools, folder, scratch), len(some), folder))
    if len(folders) > 1:
        amounts, costs = [], []
        print()
        head()
        for n, n_pods, folder in sorted(folders):
            label = f"textfmt, {n} units, {n_pods} counter files"
            amounts.append(n)
            costs.append(row(label, measure(tools, "textfmt", [folder], arguments.rounds, scratch)))
        growth("units", amounts, costs)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="+", type=lambda path: pathlib.Path(path).resolve())
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", default=",".join(COMMANDS))
    parser.add_argument("--growth", action="store_true")
    parser.add_argument("--coverglass", type=os.path.abspath,
                        default=str(REPOSITORY / "target/release/coverglass"))
    arguments = parser.parse_args()
    tools = {"go": [go_tool()], "coverglass": [arguments.coverglass, "covdata"]}
    for source in arguments.folder:
        # Beside the data, so that counter files can be linked.
        scratch = tempfile.mkdtemp(prefix="coverglass-bench-", dir=source.parent)
        try:
            bench(source, tools, arguments, pathlib.Path(scratch))
        finally:
            shutil.rmtree(scratch, ignore_errors=True)


if __name__ == "__main__":
    main()
