#!/usr/bin/env python3
"""Trains on made-up folders of growing size, and writes time and memory per rating.

    cargo build --release --features cli
    benches/growth/training.py target/release/melu --millions 1 10 30 --publish

10,000 items, 145 ratings a user; folders are made in a temporary folder and deleted.
30 million ratings take some 1.2 GB of it, and 2 GB of memory. `--publish` keeps the times in
results/training.json, from where run.sh takes them into its plot.
"""

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

ITEMS, RATINGS_PER_USER = 10_000, 145


def train(program, folder):
    """The wall time, the processors' time and the peak memory of one training."""
    command = [program, "train", str(folder), "-o", str(folder / "model.melu")]
    begin = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{' '.join(command)} failed")
    return time.monotonic() - begin, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program", help="melu")
    parser.add_argument("--millions", type=float, nargs="+", default=[1, 10, 30])
    parser.add_argument("--publish", action="store_true", help="keep the times")
    arguments = parser.parse_args()
    rows = []
    table = csv.writer(sys.stdout)
    table.writerow(
        ["ratings", "seconds", "core_seconds", "peak_mb", "core_us_a_rating", "bytes_a_rating"]
    )
    for millions in arguments.millions:
        with tempfile.TemporaryDirectory() as parent:
            folder = Path(parent) / "world"
            users = round(millions * 1e6 / RATINGS_PER_USER)
            sizes = ["--users", str(users), "--items", str(ITEMS)]
            sizes += ["--ratings-per-user", str(RATINGS_PER_USER)]
            command = [arguments.program, "synth", str(folder), *sizes]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            (folder / "expected.csv").unlink()
            with open(folder / "ratings.csv", "rb") as file:
                ratings = sum(1 for _ in file) - 1
            seconds, core_seconds, peak = train(arguments.program, folder)
        rows.append({"ratings": ratings, "seconds": round(seconds, 1)})
        # A rating itself takes 12 bytes.
        table.writerow(
            [
                ratings,
                f"{seconds:.1f}",
                f"{core_seconds:.1f}",
                round(peak / 1e6),
                f"{1e6 * core_seconds / ratings:.1f}",
                f"{peak / ratings - 12:.0f}",
            ]
        )
        sys.stdout.flush()
    if arguments.publish:
        results = {"rows": rows, "date": date.today().isoformat()}
        path = Path(__file__).parent / "results" / "training.json"
        path.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
