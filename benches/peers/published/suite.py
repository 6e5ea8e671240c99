"""The published recipe's works: the same model in every library."""

import importlib
import importlib.metadata
import json
import shutil
import site
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

import measure
import melu
import report
from published.works import RECOMMENDED, TOLERANCE, all_works, score_work
from published.world import World

PEERS = {
    "melu": "with_melu",
    "LiteRT": "with_litert",
    "ONNX Runtime": "with_onnx",
    "numpy": "with_numpy",
    "JAX": "with_jax",
    "PyTorch": "with_torch",
}
TABLES = [list(PEERS)]
SMALL, LARGE, LARGEST = 3_706, 100_000, 1_000_000


def make_peers(names, world, files):
    make = lambda name: importlib.import_module(f"published.{PEERS[name]}").Peer(world, files)
    return {name: make(name) for name in names}


def agree(found):
    """All must find what melu finds."""
    # Copies: the next run may write to the same place.
    copies = {name: [np.array(part) for part in parts] for name, parts in found.items()}
    expected = copies["melu"]
    for name, parts in copies.items():
        apart = measure.disagreement(parts, expected)
        print(f"    {name} agrees to {apart:.1e}", file=sys.stderr)
        if not apart <= TOLERANCE:
            sys.exit(f"{name} and melu disagree: {apart:.1e} of the spread; {TOLERANCE} is allowed")


def measured(given):
    files = melu.TARGET / "peers" / "files"
    shutil.rmtree(files, ignore_errors=True)
    files.mkdir(parents=True)
    world = World(SMALL)
    peers = make_peers(given.peers, world, files)
    works = list(all_works(world, files))
    rows = [measure.run(work, peers, given.seconds, agree) for work in works]
    if given.check:
        return None
    no_work = peers["melu"].no_work(works[0].prepare(peers["melu"])())
    overhead = measure.in_turns({"melu": no_work}, 0.2)["melu"]["median"]
    begin = list(starts(world, peers, files, 3 if given.quick else 15))
    for items in [LARGE] + [LARGEST] * (not given.quick):
        world = World(items)
        of_size = make_peers(given.peers, world, files)
        rows.append(measure.run(score_work(world), of_size, given.seconds, agree))
    packages = [package for peer in peers.values() for package in peer.packages]
    return {
        "versions": {package: importlib.metadata.version(package) for package in packages},
        "ctypes_call": overhead,
        "python_alone": python_alone(5),
        "rows": rows + begin,
    }


def description(results):
    return (
        f"melu is called by ctypes, which costs {results['ctypes_call'] * 1e6:.1f} µs a call; its "
        f"meta-gradients and norms by Rust. Python alone starts in "
        f"{results['python_alone'] * 1e3:.0f} ms."
    )


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
    times, kib = start_all({name: PEERS[name] for name in peers}, files, rounds)
    packages = Path(site.getsitepackages()[0])
    size = lambda peer: sum(
        file.stat().st_size for pattern in peer.libraries for file in packages.glob(pattern)
    )
    sizes = {name: size(peer) for name, peer in peers.items()}
    sizes["melu"] = melu.LIBRARY.stat().st_size
    for work, unit, scale, found in [
        ("start to first recommendation", "ms", 1e3, times),
        ("memory at its peak then", "MiB", 1 / 1024, report.constant(kib)),
        ("shared libraries", "MB", 1e-6, report.constant(sizes)),
    ]:
        yield {"work": work, "unit": unit, "scale": scale, "peers": found}


def python_alone(rounds):
    """Seconds that Python needs to do nothing."""
    call = lambda: subprocess.run([sys.executable, "-c", ""], check=True)
    return min(seconds for _ in range(rounds) for seconds in measure.times(call, 0))


def start_all(modules, files, rounds):
    """From the start of a process to its first recommendation: the times, and the most
    memory in KiB."""
    found, memory, firsts = {name: [] for name in modules}, {}, set()
    for _ in range(rounds):
        for name, module in modules.items():
            command = [sys.executable, Path(__file__).parent / "start.py", module, files]
            begin = time.perf_counter()
            pipe, quiet = subprocess.PIPE, subprocess.DEVNULL
            with subprocess.Popen(command, stdout=pipe, stderr=quiet, text=True) as process:
                firsts.add(process.stdout.readline())
                found[name].append(time.perf_counter() - begin)
                memory[name] = process.stdout.readline()
            if not memory[name]:
                raise RuntimeError(f"{name} did not start; try {' '.join(map(str, command))}")
    if len(firsts) > 1:
        raise RuntimeError(f"the first recommendations differ: items {', '.join(firsts)}")
    return {name: measure.summary(times) for name, times in found.items()}, {
        name: int(kib) for name, kib in memory.items()
    }
