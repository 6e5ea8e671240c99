"""The default recipe's lists, beside what people use for the same."""

import importlib
import importlib.metadata
import subprocess
import sys
from pathlib import Path

import numpy as np

import measure
import melu
from lists import goals, machine
from lists.works import works
from lists.world import LARGE, LARGEST, MODELS, SMALL, Vectors, World

PEERS = {
    "melu": "melu",
    "melu, vectors alone": "melu",
    "faiss": "faiss",
    "usearch": "usearch",
    "numpy": "numpy",
    "PyTorch": "torch",
    "implicit": "implicit",
    "cmfrec": "cmfrec",
    "LightFM": "lightfm",
    "LightGBM": "lightgbm",
    "XGBoost": "xgboost",
}
OF_VECTORS = ["melu", "melu, vectors alone", "faiss", "usearch", "numpy", "PyTorch"]
RECOMMENDERS = ["melu", "implicit", "cmfrec", "LightFM", "LightGBM", "XGBoost"]
TABLES = [OF_VECTORS, RECOMMENDERS]


def make_peers(names, world):
    """Those that are installed; the others are named."""
    peers, missing = {}, []
    for name in names:
        try:
            module = importlib.import_module(f"lists.with_{PEERS[name]}")
        except ImportError as error:
            print(f"{name} is left out: {error}", file=sys.stderr)
            missing.append(name)
            continue
        print(f"{name} gets ready", file=sys.stderr)
        peers[name] = (module.Alone if name == "melu, vectors alone" else module.Peer)(world)
    return peers, missing


def measured(given):
    world = World()
    peers, missing = make_peers(given.peers, world)
    speeds = {} if given.check else machine.speeds()
    rows, overhead = [], {}
    for items in [SMALL, LARGE] + [LARGEST] * (given.seconds > 1):
        vectors = Vectors(items)
        for work in works(world, vectors):
            row = measure.run(work, peers, given.seconds, work.compare)
            rows.append(row | {"tells": work.tells, "users": users_of(work)})
        if items == SMALL and given.seconds:
            calls = {"melu": peers["melu"].no_work(vectors)}
            calls |= {"faiss": peers["faiss"].no_work()} if "faiss" in peers else {}
            empty = measure.in_turns(calls, 0.2)
            overhead = {name: times["median"] for name, times in empty.items()}
    if given.check:
        return None
    if items == LARGEST:
        rows += starts(world, vectors, peers)
    packages = [package for peer in peers.values() for package in peer.packages]
    return {
        "versions": {package: importlib.metadata.version(package) for package in packages},
        "missing": missing,
        "speeds": speeds,
        "calls": overhead,
        "rows": rows,
        "goals": list(goals.judged(rows, speeds, overhead.get("melu", 0))),
    }


def starts(world, vectors, peers):
    """Processes that open a million items, while this one has the same file open: how long
    each takes to its first list, and how much memory is its own."""
    print("open a million items", file=sys.stderr)
    [answers], _ = world.with_answers(20)
    folder = melu.TARGET / "peers" / "files"
    folder.mkdir(parents=True, exist_ok=True)
    np.savez(folder / "user.npz", vector=vectors.users([answers])[0], **answers._asdict())
    files = {"melu": MODELS / f"films-{LARGEST}.melu"}
    if "faiss" in peers:
        files["faiss"] = folder / "vectors.faiss"
        peers["faiss"].write(vectors, files["faiss"])
    if "numpy" in peers:
        files["numpy"] = folder / "vectors.npy"
        np.save(files["numpy"], vectors.rows)
    seconds, memory = {name: [] for name in files}, {name: [] for name in files}
    for _ in range(9):
        for name, file in files.items():
            start = Path(__file__).parent / "start.py"
            command = [sys.executable, start, name, file, folder / "user.npz"]
            out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            took, own = out.split()
            seconds[name].append(float(took))
            memory[name].append(int(own))
    for file in [files.get("faiss"), files.get("numpy")]:
        if file:
            file.unlink()
    for work, unit, scale, found in [
        (f"open {LARGEST:,} items, best 20", "ms", 1e3, seconds),
        ("memory of each process then", "MB", 1e-6, memory),
    ]:
        peers = {name: measure.summary(numbers) for name, numbers in found.items()}
        row = {"work": work, "unit": unit, "scale": scale, "peers": peers}
        yield row | {"tells": work.split()[0], "users": 1}


def users_of(work):
    """How many users a run of it is for."""
    return int(work.name.split()[0]) if work.method == "batch" else 1


def description(results):
    speeds, calls = results["speeds"], results["calls"]
    left_out = "".join(f" {name} could not be installed." for name in results["missing"])
    faiss = f", an empty search of faiss {calls['faiss'] * 1e6:.1f}" if "faiss" in calls else ""
    return (
        f"melu is called by ctypes; an empty call takes {calls['melu'] * 1e6:.1f} µs{faiss}."
        f"{left_out} In this run, one core does {speeds['operations'] / 1e9:.0f} Gflop/s, and reads "
        f"{speeds['memory'] / 1e9:.0f} GB/s from memory, {speeds['reading 26 MB'] / 1e9:.0f} from "
        f"26 MB and {speeds['reading 1 MB'] / 1e9:.0f} from 1 MB.\n\n"
        + goals.table(results["goals"])
    )
