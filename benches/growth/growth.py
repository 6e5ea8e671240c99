"""The cost of a list for each item, as the catalogue grows, and of a training for each rating.

A training's are taken from results/training.json, where there is one:
`{"rows": [{"ratings": 1000000, "seconds": 18.0}], "processor": ..., "date": ...}`.
"""

import argparse
import json
import os
import subprocess
import sys
from datetime import date
from pathlib import Path

HERE = Path(__file__).parent
sys.path[0] = str(HERE.parent / "peers")
os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})

import measure
import melu
import report
from lists.with_melu import Peer
from lists.world import MODELS, World

SIZES = [4_000, 10_000, 40_000, 100_000, 400_000, 1_000_000, 4_000_000]
MOST = 10_000_000
# How much dearer an item may be in one catalogue than in another.
FLAT = 1.5
BEST, PEOPLE = 20, 20
MARK = "growth: written by benches/growth/run.sh --publish"


class Size:
    def __init__(self, items):
        self.items = items


class One(Peer):
    def __init__(self, path, items):
        self.catalogs = {items: melu.open_catalog(path)}
        self.size, self.users = Size(items), []

    def user(self, size):
        self.users.append(super().user(size))
        return self.users[-1]

    def close(self):
        # Each user keeps the catalogue alive.
        for user in self.users:
            melu.library.melu_user_free(user)
        melu.library.melu_catalog_free(*self.catalogs.values())


def measured(program, items, answers):
    """Seconds of a list, medians over people, of whom each is asked again and again."""
    path = MODELS / "growth.melu"
    subprocess.run(
        [program, "enlarge", MODELS / "films" / "model.melu", str(items), path], check=True
    )
    peer = One(path, items)
    path.unlink()
    calls = [peer.best(peer.size, None, one, BEST) for one in answers]

    def of_all():
        for call in calls:
            call()

    seconds = measure.in_turns({"melu": of_all}, 2)["melu"]
    found = {key: seconds[key] / PEOPLE for key in ("median", "minimum")}
    print(
        f"{items:10,} items: {found['median'] * 1e6:10,.1f} µs a list, "
        f"{found['median'] / items * 1e9:6.2f} ns an item",
        file=sys.stderr,
    )
    peer.close()
    return {"items": items} | found


def verdict(costs):
    """How much the dearest is above the cheapest."""
    apart = max(costs) / min(costs)
    return f"{apart:.2f} times, goal {FLAT}: {'met' if apart <= FLAT else 'missed'}"


def panel(axis, amounts, costs, unit, of):
    axis.plot(amounts, costs, marker="o", color="#d1495b")
    axis.axhspan(min(costs), FLAT * min(costs), color="#8d99ae", alpha=0.25, lw=0)
    for amount, cost in zip(amounts, costs):
        axis.annotate(
            report.digits(cost),
            (amount, cost),
            (0, 6),
            textcoords="offset points",
            ha="center",
            fontsize=8,
        )
    axis.set_xscale("log")
    axis.set_ylim(0, 1.25 * max(costs))
    axis.set_xlabel(of)
    axis.set_title(unit, fontsize=9, loc="left")
    for side in ("top", "right"):
        axis.spines[side].set_visible(False)


def panels(results):
    lists = results["lists"]
    items = [row["items"] for row in lists]
    yield (
        items,
        [row["median"] / row["items"] * 1e9 for row in lists],
        "a list of 20: ns an item",
        "items",
    )
    if training := results["training"]:
        rows = training["rows"]
        ratings = [row["ratings"] for row in rows]
        costs = [row["seconds"] / row["ratings"] * 1e6 for row in rows]
        yield ratings, costs, "training: µs a rating", "ratings"


def plot(results, path):
    parts = list(panels(results))
    figure, axes = report.pyplot().subplots(
        1, len(parts), figsize=(5 * len(parts) + 1, 3), squeeze=False
    )
    for axis, part in zip(axes.flat, parts):
        panel(axis, *part)
    where = f"{results['processor']}, {results['date']}"
    figure.suptitle(f"Grey: within {FLAT} times of the least. {where}", fontsize=10)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None}, facecolor="white")


def text(results):
    lines = ["| items | a list of 20 | an item |", "| ---: | ---: | ---: |"]
    for row in results["lists"]:
        micro, each = row["median"] * 1e6, row["median"] / row["items"] * 1e9
        lines.append(f"| {row['items']:,} | {report.digits(micro)} µs | {report.digits(each)} ns |")
    if training := results["training"]:
        lines += ["", "| ratings | a training | a rating |", "| ---: | ---: | ---: |"]
        for row in training["rows"]:
            each = row["seconds"] / row["ratings"] * 1e6
            lines.append(
                f"| {row['ratings']:,} | {report.digits(row['seconds'])} s | {report.digits(each)} µs |"
            )
    judged = "; ".join(
        f"{of} apart by at most {verdict(costs)}" for _, costs, _, of in panels(results)
    )
    return "\n".join(lines) + (
        f"\n\nMeasured {results['date']} on one core of an {results['processor']} by "
        f"`{results['command']}`; medians of {PEOPLE} people with 20 answers each. {judged}.\n"
    )


def main():
    program, *given = sys.argv[1:]
    parser = argparse.ArgumentParser(prog="benches/growth/run.sh", description=__doc__)
    parser.add_argument("--ten-million", action="store_true", help="15 GB of memory, 9 of disk")
    parser.add_argument("--publish", action="store_true", help="write results and docs/speed.md")
    options = parser.parse_args(given)
    answers, _ = World().with_answers(20, PEOPLE)
    names = [line for line in open("/proc/cpuinfo") if line.startswith("model name")]
    training = HERE / "results" / "training.json"
    results = {
        "date": date.today().isoformat(),
        "processor": f"{names[0].split(':')[1].strip()} ({melu.kernel()})",
        "command": " ".join(["benches/growth/run.sh", *given]),
        "lists": [
            measured(program, items, answers) for items in SIZES + [MOST] * options.ten_million
        ],
        "training": json.loads(training.read_text()) if training.exists() else None,
    }
    folder = HERE / "results" if options.publish else melu.TARGET / "growth"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "growth.json").write_text(json.dumps(results, indent=1) + "\n")
    plot(results, folder / "plot.svg")
    print(text(results))
    if options.publish:
        picture = "![cost as the work grows](../benches/growth/results/plot.svg)\n"
        report.between_marks("docs/speed.md", MARK, "\n".join(["", text(results), picture, ""]))


main()
