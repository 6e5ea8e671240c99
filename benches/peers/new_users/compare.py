"""melu beside implicit, cmfrec and LightFM, for the same new users: how good their lists of 20
are, how long training takes, and how long a new user. See benches/peers/README.md."""

import argparse
import importlib.metadata
import importlib.util
import json
import os
import statistics
import sys
import time
from datetime import date
from pathlib import Path

# One thread, before any library starts its own.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import numpy as np

import melu
from libraries import LIBRARIES, Melu
from world import LENGTH, World, worth

# This folder's parent has a melu.py of its own.
sys.path.append(str(Path(__file__).parents[1]))
import report

GIVEN = (5, 20)
HELD_BACK, MAX_HELD_BACK = 0.1, 500
TIMED, ROUNDS = 300, 3
RESULTS = Path(__file__).parents[1] / "results" / "new_users"
MARK = "peers, new users: written by benches/peers/new_users.sh --publish"


def arguments():
    parser = argparse.ArgumentParser(prog="benches/peers/new_users.sh", description=__doc__)
    data = os.environ.get("MELU_DATA")
    folder = "a data folder; $MELU_DATA, or a generated world"
    parser.add_argument("data", nargs="?", default=data, help=folder)
    parser.add_argument("--seeds", type=int, default=3, help="trainings, each with other answers")
    parser.add_argument("--libraries", help="some of them, by parts of their names")
    parser.add_argument("--settings", help="a results.json, whose settings are taken unsearched")
    document = "write benches/peers/results and docs/accuracy.md anew"
    parser.add_argument("--publish", action="store_true", help=document)
    return parser.parse_args()


def lists(fitted, tasks, given):
    """Each task's list."""
    columns = getattr(fitted, "columns", np.asarray)
    return [columns(fitted.request(task, given)()) for task in tasks]


def figures(fitted, tasks):
    """[tasks, numbers of answers, measures]."""
    found = [
        [worth(best, task.relevant) for best, task in zip(lists(fitted, tasks, given), tasks)]
        for given in GIVEN
    ]
    return np.array(found).transpose(1, 0, 2)


def search(library, training, tasks):
    """The settings with the best nDCG@20, the mean over both numbers of answers."""
    best, settings = -1.0, {}
    for stage in library.stages:
        base = settings
        for change in stage:
            for tried, fitted in library.fits(training, base | change, 0):
                found = figures(fitted, tasks)[:, :, 1].mean()
                print(f"    {found:.4f} {tried}", file=sys.stderr, flush=True)
                if found > best:
                    best, settings = found, tried
    return settings


def timed(function):
    """What it returns, and seconds of the processor."""
    begin = time.process_time()
    return function(), time.process_time() - begin


def times(fitted, tasks):
    """Each library's median time for a new user, in turns."""
    found = {name: [] for name in fitted}
    for _ in range(ROUNDS):
        for begin in range(0, len(tasks), 50):
            for name, library in fitted.items():
                calls = [library.request(task, GIVEN[-1]) for task in tasks[begin : begin + 50]]
                # Others have used the caches since.
                calls[0]()
                for call in calls:
                    start = time.process_time_ns()
                    call()
                    found[name].append(time.process_time_ns() - start)
    return {name: statistics.median(some) / 1e9 for name, some in found.items()}


def measured(given):
    dataset = melu.Dataset.open(given.data) if given.data else melu.Dataset.synthetic()
    world = World(dataset)
    everybody = np.arange(len(world.profiles))
    trained = everybody[~world.is_new & np.array([len(rows) > 0 for rows in world.rows])]
    new = everybody[world.is_new]
    training = world.training(trained)
    drawn = np.random.default_rng(0).permutation(trained)
    held_back = np.sort(drawn[: min(int(len(drawn) * HELD_BACK), MAX_HELD_BACK)])
    inside, inside_tasks = (
        world.training(np.setdiff1d(trained, held_back)),
        world.tasks(held_back, 0),
    )
    draws = [world.tasks(new, seed) for seed in range(given.seeds)]
    words = (given.libraries or "").split(",")
    chosen = [library for library in LIBRARIES if any(word in library.name for word in words)]
    chosen = [Melu] * (Melu not in chosen) + chosen
    is_there = lambda library: all(map(importlib.util.find_spec, library.packages))
    missing = [library.name for library in chosen if not is_there(library)]
    chosen = [library for library in chosen if is_there(library)]
    known = json.loads(Path(given.settings).read_text())["libraries"] if given.settings else {}

    fitted, result, values = {}, {}, {}
    for library in chosen:
        name = library.name
        print(name, file=sys.stderr, flush=True)
        found = result[name] = {"searching": 0.0, "training": []}
        if name in known:
            found |= {key: known[name][key] for key in ("settings", "searching")}
        else:
            found["settings"], found["searching"] = timed(
                lambda: search(library, inside, inside_tasks)
            )
        for seed, tasks in enumerate(draws):
            fit = lambda: [one for _, one in library.fits(training, found["settings"], seed)][-1]
            fitted[name], seconds = timed(fit)
            found["training"].append(seconds)
            for task, row in zip(tasks, figures(fitted[name], tasks)):
                values.setdefault(name, {}).setdefault(task.user, []).append(row)
    # A user counts by the mean over the draws.
    of_users = {
        name: np.array([np.mean(rows, 0) for rows in users.values()])
        for name, users in values.items()
    }
    for name, rows in of_users.items():
        differences = rows - of_users["melu"]
        result[name] |= {
            "mean": rows.mean(0).tolist(),
            "difference": differences.mean(0).tolist(),
            "standard_error": (differences.std(0, ddof=1) / len(rows) ** 0.5).tolist(),
        }
    for name, seconds in times(fitted, draws[-1][:TIMED]).items():
        result[name]["new_user"] = seconds
    packages = sorted({package for library in chosen for package in library.packages})
    return {
        "date": date.today().isoformat(),
        "data": dataset.name,
        "kernel": melu.kernel(),
        "users": len(of_users["melu"]),
        "candidates": len(world.item_ids),
        "interactions": len(training.of_users),
        "seeds": given.seeds,
        "versions": {package: importlib.metadata.version(package) for package in packages},
        "missing": missing,
        "libraries": result,
    }


def shown(value):
    return f"{value:.3f}".replace("0.", ".", 1)


def both(values, measure):
    return " / ".join(shown(row[measure]) for row in values)


def table(results):
    head = f"{GIVEN[0]} / {GIVEN[1]} answers"
    lines = [
        f"| {head} | nDCG@10 | nDCG@20 | recall@20 | nDCG@20 less melu's | training, s | with the search, s | a new user, ms |",
        "| --- | --- | --- | --- | --- | ---: | ---: | ---: |",
    ]
    for name, found in results["libraries"].items():
        own = name == "melu"
        less = [
            f"{'−' if mean[1] < 0 else '+'}{shown(abs(mean[1]))} ± {shown(error[1])}"
            for mean, error in zip(found["difference"], found["standard_error"])
        ]
        once = statistics.median(found["training"])
        cells = [
            f"**{name}**" if own else name,
            *(both(found["mean"], measure) for measure in range(3)),
            "" if own else " / ".join(less),
            f"{once:.1f}",
            f"{once + found['searching']:.0f}",
            f"{found['new_user'] * 1e3:.3f}",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def text(results):
    versions = ", ".join(f"{name} {number}" for name, number in results["versions"].items())
    left_out = "".join(f" {name} could not be installed." for name in results["missing"])
    return (
        f"{table(results)}\n"
        f"{results['data']}, measured {results['date']} by `benches/peers/new_users.sh DIR --publish` on a "
        f"server with {os.cpu_count()} x86-64 cores, which other work shared ({results['kernel']} for melu): "
        f"{results['users']:,} new users, {results['candidates']:,} candidates, "
        f"{results['interactions']:,} interactions to train on, {results['seeds']} seeds, each a training and a "
        f"draw of answers. {versions}.{left_out}\n"
    )


def main():
    given = arguments()
    results = measured(given)
    written = text(results)
    print(written)
    target = Path(os.environ.get("CARGO_TARGET_DIR", Path(__file__).parents[3] / "target"))
    folder = RESULTS if given.publish else target / "peers" / "results" / "new_users"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    (folder / "table.md").write_text(written)
    if given.publish:
        report.between_marks("docs/accuracy.md", MARK, "\n" + written + "\n")


if __name__ == "__main__":
    main()
