"""melu beside other libraries: the same inputs, one core, in turns. One suite of works."""

import argparse
import importlib
import os
import sys
from datetime import date
from pathlib import Path

# Before any library starts its threads.
os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import melu
import report


def arguments(suite, name):
    peers = list(suite.PEERS)
    parser = argparse.ArgumentParser(prog="benches/peers/run.sh", description=__doc__)
    parser.add_argument("--check", action="store_true", help="see whether all agree, and end")
    parser.add_argument("--quick", action="store_true", help="a tenth of the time, to try it")
    parser.add_argument("--suite", choices=SUITES, help="only this one")
    parser.add_argument("--peers", help=f"some of: {', '.join(peers)}")
    parser.add_argument(
        "--publish",
        action="store_true",
        help="write benches/peers/results and docs/speed.md anew",
    )
    given = parser.parse_args(sys.argv[2:])
    if given.suite not in (None, name):
        sys.exit()
    if given.publish and (given.check or given.quick or given.peers):
        parser.error("--publish is for whole runs with all peers")
    names = given.peers.split(",") if given.peers else peers
    given.peers = [peer for peer in peers if peer in names or peer.startswith("melu")]
    given.seconds = 0 if given.check else 0.15 if given.quick else 1.5
    return given


def processor():
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return f"{names[0] if names else 'unknown'} ({melu.kernel()})"


SUITES = ("lists", "published")


def main():
    name = sys.argv[1]
    suite = importlib.import_module(f"{name}.suite")
    given = arguments(suite, name)
    print(f"{name}:", file=sys.stderr)
    results = suite.measured(given)
    if given.check:
        print(f"{name}: all that were compared agree")
        return
    results |= {
        "date": date.today().isoformat(),
        "processor": processor(),
        "command": " ".join(["benches/peers/run.sh", *sys.argv[2:]]),
    }
    published = report.RESULTS if given.publish else melu.TARGET / "peers" / "results"
    report.write(results, published / name, suite)
    if given.publish:
        report.write_document(results, name, suite)


main()
