#!/usr/bin/env python3
"""What reading and merging large LCOV tracefiles costs, beside other tools on the same files.

Makes two tracefiles of about 100 MB: 18 000 files, some of them listed twice, counts as skewed as
real ones are, rows of functions and branches as well as of lines; of the second a few files are
missing and the counts are others. The same numbers come out wherever it is run. Then runs what is
installed, interleaved, in another order each round. Prints the median over the rounds of wall time,
CPU time and peak memory, and how many times those of `coverglass` they are.

    python3 tests/bench/lcov.py [--rounds 5] [--files 18000] [--only merge] [--slow]

grcov and crate lcov are taken from $PATH (or --grcov); lcov itself takes minutes and needs --slow.
"""

import argparse
import os
import pathlib
import random
import shutil
import statistics
import tempfile

from timed import run

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]


def count(pick):
    """How often a line ran: of most never, of some a great many times."""
    if pick.random() < 0.6:
        return 0
    return int(pick.paretovariate(0.6))


def record(pick, counts, path, out):
    """A file with its functions, branches and lines."""
    n_functions = int(pick.paretovariate(1.1)) * 6 % 400 + 1
    line, functions, branches, lines = 1, [], [], []
    for index in range(n_functions):
        name = f"_ZN{pick.randrange(10, 99)}{path[-12:-4].replace('/', '_')}{index}Ev"
        functions.append((line, f"{name}{'Impl' * pick.randrange(8)}", count(counts)))
        for _ in range(pick.randrange(1, 16)):
            line += pick.randrange(1, 4)
            hits = count(counts)
            lines.append((line, hits))
            if pick.random() < 0.25:
                for arm in range(2 if pick.random() < 0.9 else pick.randrange(3, 9)):
                    taken = count(counts) if hits else "-"
                    branches.append(f"BRDA:{line},0,{arm},{taken}\n")
        line += 3
    out.write(f"TN:\nSF:{path}\n")
    out.writelines(f"FN:{start},{name}\n" for start, name, _ in functions)
    out.writelines(f"FNDA:{entered},{name}\n" for _, name, entered in functions)
    out.write(f"FNF:{len(functions)}\nFNH:{sum(f[2] > 0 for f in functions)}\n")
    out.writelines(branches)
    out.writelines(f"DA:{number},{hits}\n" for number, hits in lines)
    out.write(f"LF:{len(lines)}\nLH:{sum(hits > 0 for _, hits in lines)}\nend_of_record\n")


def tracefile(target, n_files, seed, missing):
    counts = random.Random(seed)
    with open(target, "w", encoding="ascii") as out:
        for index in range(n_files):
            # What a file holds doesn't depend on the run.
            folder = f"/builds/product/src/{'abcdefgh'[index % 8]}{index // 200}/sub{index % 13}"
            path = f"{folder}/unit{index}.cpp"
            if counts.random() < missing:
                continue
            for _ in range(1 + (index % 5 == 0)):
                record(random.Random(index), counts, path, out)


def commands(arguments, first, second, scratch):
    """What is run for each job, by tool."""
    own, out = arguments.coverglass, scratch / "merged.info"
    jobs = {
        "read": {"coverglass": [own, "summary", first]},
        "merge": {"coverglass": [own, "merge", "-o", out, first, second]},
    }
    if grcov := shutil.which(arguments.grcov):
        filter_nothing = [grcov, "-t", "lcov", "--branch", "-o", scratch / "grcov.info"]
        jobs["read"]["grcov"] = [*filter_nothing, first]
        jobs["merge"]["grcov"] = [*filter_nothing, first, second]
    if arguments.slow and (lcov := shutil.which("lcov")):
        branches = ["--rc", "lcov_branch_coverage=1"]
        jobs["read"]["lcov"] = [lcov, *branches, "--summary", first]
        jobs["merge"]["lcov"] = [lcov, *branches, "-a", first, "-a", second, "-o", scratch / "lcov.info"]
    return jobs


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--files", type=int, default=18000)
    parser.add_argument("--only", default="read,merge")
    parser.add_argument("--slow", action="store_true", help="lcov too")
    parser.add_argument("--grcov", default="grcov")
    parser.add_argument("--keep", type=pathlib.Path, help="make the tracefiles here, or find them")
    parser.add_argument("--coverglass", type=os.path.abspath,
                        default=str(REPOSITORY / "target/release/coverglass"))
    arguments = parser.parse_args()
    scratch = pathlib.Path(tempfile.mkdtemp(prefix="coverglass-bench-"))
    folder = arguments.keep or scratch
    first, second = folder / "first.info", folder / "second.info"
    try:
        for target, seed, missing in [(first, 1, 0), (second, 2, 0.03)]:
            if not target.exists():
                tracefile(target, arguments.files, seed, missing)
        sizes = " and ".join(f"{path.stat().st_size / 1e6:.0f} MB" for path in (first, second))
        print(f"{sizes}\n\n| job | tool | wall s / CPU s / MB | times coverglass: wall, CPU, memory |")
        print("|---|---|---|---|")
        for job, tools in commands(arguments, first, second, scratch).items():
            if job not in arguments.only.split(","):
                continue
            figures = {tool: [] for tool in tools}
            for round_number in range(arguments.rounds + 1):
                order = list(tools)[::1 if round_number % 2 else -1]
                for tool in order:
                    figure = run(tools[tool], scratch)
                    # The first round warms caches and counts for nothing.
                    if round_number > 0:
                        figures[tool].append(figure)
            for tool, runs in figures.items():
                wall, cpu, memory = (statistics.median(column) for column in zip(*runs))
                pairs = list(zip(runs, figures["coverglass"]))
                ratios = [statistics.median(a[i] / b[i] for a, b in pairs) for i in range(3)]
                print(f"| {job} | {tool} | {wall:.2f} / {cpu:.2f} / {memory:.0f} | "
                      + ", ".join(f"{ratio:.1f}" for ratio in ratios) + " |", flush=True)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


if __name__ == "__main__":
    main()
