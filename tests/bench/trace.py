#!/usr/bin/env python3
"""What reading an execution trace of two million events costs, beside Go's own reader.

Records programs of tests/programs/tracetruth, then reads each trace interleaved with Go's reader
(tests/programs/traceoracle, which only reads) and with ours: only in order, and with all that the
page shows. Prints the median over the rounds of wall time, CPU time and peak memory, and how many
times ours those of Go's are.

    python3 tests/bench/trace.py [--rounds 5] [--events 2000000]
    python3 tests/bench/trace.py --into FOLDER    # only records them, for trace.mjs and trace_frames.mjs

Builds what it needs: Go, and `cargo build --release -p tests --example traceread`.
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
import time

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
PROGRAMS = REPOSITORY / "tests/programs"
EXAMPLE = REPOSITORY / "target/release/examples/traceread"


def recorder(scratch):
    binary = scratch / "tracetruth"
    subprocess.run(["go", "build", "-o", binary, "."], check=True, cwd=PROGRAMS / "tracetruth",
                   env=os.environ | {"CGO_ENABLED": "0", "GOWORK": "off"})
    return binary


def record_all(folder, events):
    """Traces of about so many events, of few and of many goroutines."""
    # About three events for each value of pairs that play ball.
    values = events // 3
    programs = {
        "64-pairs.trace": ["storm", "64", str(values // 64)],
        "5000-pairs.trace": ["storm", "5000", str(values // 5000)],
        "25000-pairs.trace": ["storm", "25000", str(values // 25000)],
        "2000-to-2000.trace": ["fan", "2000", "2000", str(values // 2000)],
    }
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="coverglass-bench-") as scratch:
        record = recorder(pathlib.Path(scratch))
        for name, program in programs.items():
            subprocess.run([record, folder / name, *program], check=True, capture_output=True,
                           env=os.environ | {"GOMAXPROCS": "8"})
    return [folder / name for name in programs]


def oracle(scratch):
    """Go's reader, which is internal to Go: built in the place of one of Go's commands."""
    root = subprocess.run(["go", "env", "GOROOT"], check=True, capture_output=True, text=True)
    place = pathlib.Path(root.stdout.strip()) / "src/cmd/addr2line"
    sources = (PROGRAMS / "traceoracle").glob("*.go")
    overlay = scratch / "overlay.json"
    overlay.write_text(json.dumps({"Replace": {str(place / s.name): str(s) for s in sources}}))
    binary = scratch / "traceoracle"
    subprocess.run(["go", "build", "-overlay", overlay, "-o", binary, "cmd/addr2line"], check=True,
                   cwd=scratch, env=os.environ | {"GOFLAGS": "", "GOWORK": "off"})
    return binary


def run(command):
    """Wall and CPU seconds and peak memory in MB of one run, and what it printed."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    printed = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{command} failed: {process.returncode}")
    return (wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024), printed


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--events", type=int, default=2_000_000)
    parser.add_argument("--into", type=pathlib.Path, help="record traces there, and that is all")
    parser.add_argument("--keep", type=pathlib.Path, help="traces to read instead", nargs="*")
    arguments = parser.parse_args()
    if arguments.into:
        record_all(arguments.into, arguments.events)
        return
    subprocess.run(["cargo", "build", "--quiet", "--release", "-p", "tests", "--example",
                    "traceread"], check=True, cwd=REPOSITORY)
    scratch = pathlib.Path(tempfile.mkdtemp(prefix="coverglass-bench-"))
    try:
        go = oracle(scratch)
        traces = arguments.keep
        if not traces:
            traces = record_all(scratch, arguments.events)
        print("| trace | reader | wall s / CPU s / MB | Go's, times: wall, CPU, memory |")
        print("|---|---|---|---|")
        for trace in traces:
            tools = {
                "Go": [go, "read", trace],
                "order": [EXAMPLE, "order", trace],
                "trace": [EXAMPLE, "trace", trace],
            }
            figures, events = {tool: [] for tool in tools}, {}
            for round_number in range(arguments.rounds + 1):
                for tool in list(tools)[::1 if round_number % 2 else -1]:
                    figure, printed = run(tools[tool])
                    events[tool] = printed.split()[0]
                    # The first round warms caches and counts for nothing.
                    if round_number > 0:
                        figures[tool].append(figure)
            if len(set(events.values())) != 1:
                sys.exit(f"they read different events: {events}")
            size = trace.stat().st_size / 1e6
            title = f"{trace.name}, {size:.1f} MB, {int(events['Go']):,} events"
            for tool, runs in figures.items():
                wall, cpu, memory = (statistics.median(column) for column in zip(*runs))
                pairs = list(zip(figures["Go"], runs))
                ratios = [statistics.median(a[i] / b[i] for a, b in pairs) for i in range(3)]
                print(f"| {title} | {tool} | {wall:.2f} / {cpu:.3f} / {memory:.0f} | "
                      + ", ".join(f"{ratio:.1f}" for ratio in ratios) + " |", flush=True)
                title = ""
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


if __name__ == "__main__":
    main()
