#!/usr/bin/env python3
"""What records of channel operations cost: the same program plain, with records switched off, and
with records, interleaved. Prints ns of CPU time per operation: the median, and the lowest and highest."""

import argparse
import os
import pathlib
import statistics
import subprocess
import tempfile

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--binary", default=REPOSITORY / "target/release/coverglass")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        scratch = pathlib.Path(scratch)
        source = REPOSITORY / "tests/programs/channels"
        environment = {**os.environ, "COVERGLASS_DIR": str(scratch)}
        environment.pop("COVERGLASS_CHANNELS", None)
        plain, ours = scratch / "plain", scratch / "ours"
        build = ["-o", str(plain), "./cost"]
        subprocess.run(["go", "build", *build], cwd=source, check=True)
        build = [str(options.binary), "build", "--channels", "-o", str(ours), "./cost"]
        subprocess.run(build, cwd=source, env=environment, check=True)
        records = scratch / "records"
        variants = {
            "plain": (plain, {}),
            "off": (ours, {}),
            "on": (ours, {"COVERGLASS_CHANNELS": str(records)}),
        }
        figures = {}
        for _ in range(options.rounds):
            for variant, (program, extra) in variants.items():
                records.unlink(missing_ok=True)
                out = subprocess.run(
                    [program], env={**environment, **extra}, check=True, capture_output=True, text=True
                ).stdout
                for line in out.splitlines():
                    name, nanos = line.split()
                    figures.setdefault(name, {}).setdefault(variant, []).append(float(nanos))
        print("| ns per operation | plain | off | on | recording one |")
        print("|---|---|---|---|---|")
        for name, by_variant in figures.items():
            cells = [
                f"{statistics.median(values):.0f} ({min(values):.0f}–{max(values):.0f})"
                for values in by_variant.values()
            ]
            pairs = zip(by_variant["on"], by_variant["plain"])
            extra = statistics.median(on - plain for on, plain in pairs)
            print(f"| {name} | {' | '.join(cells)} | {extra:.0f} |")


if __name__ == "__main__":
    main()
