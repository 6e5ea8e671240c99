"""melu beside other libraries: the same model, the same inputs, one core, in turns."""

import argparse
import importlib
import importlib.metadata
import json
import os
import shutil
import site
import sys
from datetime import date
from pathlib import Path

# Before any library starts its threads.
os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import numpy as np

import measure
import report
from peers import with_melu
from works import RECOMMENDED, TOLERANCE, all_works, disagreement, score_work
from world import World

PEERS = {
    "melu": "with_melu",
    "LiteRT": "with_litert",
    "ONNX Runtime": "with_onnx",
    "numpy": "with_numpy",
    "JAX": "with_jax",
    "PyTorch": "with_torch",
}
SMALL, LARGE, LARGEST = 3_706, 100_000, 1_000_000


def arguments():
    parser = argparse.ArgumentParser(prog="benches/peers/run.sh", description=__doc__)
    parser.add_argument("--check", action="store_true", help="see whether all agree, and end")
    parser.add_argument("--quick", action="store_true", help="a tenth of the time, to try it")
    parser.add_argument("--million", action="store_true", help="score a million items, too")
    parser.add_argument("--peers", default=",".join(PEERS), help="some of: %(default)s")
    parser.add_argument(
        "--publish",
        action="store_true",
        help="write benches/peers/results and docs/speed.md anew",
    )
    given = parser.parse_args()
    names = given.peers.split(",")
    if unknown := set(names) - set(PEERS):
        parser.error(f"--peers: {unknown.pop()!r} is none of {', '.join(PEERS)}")
    given.peers = {name: module for name, module in PEERS.items() if name in [*names, "melu"]}
    if given.publish and (given.check or given.quick or len(given.peers) < len(PEERS)):
        parser.error("--publish is for whole runs with all peers")
    return given


def make_peers(modules, world, files):
    make = lambda module: importlib.import_module(f"peers.{module}").Peer(world, files)
    return {name: make(module) for name, module in modules.items()}


def run(work, peers, seconds):
    """Prepares a work for all who can do it, compares what they find, and times them."""
    print(work.name, file=sys.stderr)
    able = {name: peer for name, peer in peers.items() if hasattr(peer, work.method)}
    calls = {name: work.prepare(peer) for name, peer in able.items()}
    expected = None
    for name, call in calls.items():
        # Copies: the next run may write to the same place.
        found = [np.asarray(part).copy() for part in work.numbers(able[name], call())]
        expected = expected or found
        apart = disagreement(found, expected)
        print(f"    {name} agrees to {apart:.1e}", file=sys.stderr)
        if not apart <= TOLERANCE:
            sys.exit(f"{name} and melu disagree: {apart:.1e} of the spread; {TOLERANCE} is allowed")
    times = measure.in_turns(calls, seconds) if seconds else {}
    return report.row(work.name, work.unit, work.scale, times)


def starts(world, peers, files, rounds):
    """What it takes to begin: time, memory, and the libraries that a program carries."""
    user = world.user(20)
    arrays = user.head._asdict() | {"table": world.table}
    for name, array in arrays.items():
        np.save(files / f"start-{name}.npy", array)
    person = {"items": user.items.tolist(), "ratings": user.ratings.tolist()}
    given = {
        "items": world.items,
        "count": RECOMMENDED,
        "weight": float(user.weight),
        "user": person | {"profile": user.profile},
    }
    (files / "start.json").write_text(json.dumps(given))
    times, kib = measure.starts({name: PEERS[name] for name in peers}, files, rounds)
    packages = Path(site.getsitepackages()[0])
    size = lambda peer: sum(
        file.stat().st_size for pattern in peer.libraries for file in packages.glob(pattern)
    )
    sizes = {name: size(peer) for name, peer in peers.items()}
    sizes["melu"] = with_melu.LIBRARY.stat().st_size
    yield report.row("start to first recommendation", "ms", 1e3, times)
    yield report.row("memory at its peak then", "MiB", 1 / 1024, report.constant(kib))
    yield report.row("shared libraries", "MB", 1e-6, report.constant(sizes))


def processor():
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return f"{names[0] if names else 'unknown'} ({with_melu.kernel()})"


def main():
    given = arguments()
    seconds = 0 if given.check else 0.15 if given.quick else 1.5
    files = with_melu.TARGET / "peers" / "files"
    shutil.rmtree(files, ignore_errors=True)
    files.mkdir(parents=True)

    world = World(SMALL)
    peers = make_peers(given.peers, world, files)
    works = list(all_works(world, files))
    rows = [run(work, peers, seconds) for work in works]
    if given.check:
        print(f"{', '.join(peers)} agree to {TOLERANCE} of the spread in all works")
        return
    no_work = peers["melu"].no_work(works[0].prepare(peers["melu"])())
    overhead = measure.in_turns({"melu": no_work}, 0.2)["melu"]["median"]
    python = measure.python_alone(5)
    begin = list(starts(world, peers, files, 3 if given.quick else 15))
    for items in [LARGE] + [LARGEST] * given.million:
        world = World(items)
        rows.append(run(score_work(world), make_peers(given.peers, world, files), seconds))
    packages = [package for peer in peers.values() for package in peer.packages]
    results = {
        "date": date.today().isoformat(),
        "processor": processor(),
        "command": " ".join(["benches/peers/run.sh", *sys.argv[1:]]),
        "versions": {package: importlib.metadata.version(package) for package in packages},
        "ctypes_call": overhead,
        "python_alone": python,
        "rows": rows + begin,
    }
    folder = report.RESULTS if given.publish else with_melu.TARGET / "peers" / "results"
    report.write(results, folder)
    if given.publish:
        report.write_document(results)


main()
