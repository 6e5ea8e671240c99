"""The same work as graphs for ONNX Runtime and LiteRT: a new user's vector from 20 answers, and the
items with the greatest products. Run by count.py under callgrind, which counts each graph's calls:

    python graphs.py RUNTIME FOLDER CALLS
"""

import ctypes
import importlib
import sys
from pathlib import Path

import numpy as np

sys.path.insert(1, str(Path(__file__).parents[1]))

GIVEN, BEST = 20, 20
RUNTIMES = {"ONNX Runtime": "onnx", "LiteRT": "litert"}
GRAPHS = {
    "ridge": "ridge regression",
    "ridge, rounded": "ridge regression, rows in 8 bits",
    "encoder": "encoder of two layers",
    "encoder, rounded": "encoder of two layers, rows in 8 bits",
    "nothing": "one addition",
}
# The best are twice as many, since a graph does not leave out what was answered.
LISTED = GIVEN + BEST
STEPS = 8


def penalty(rows):
    """A ridge regression's, as large as a usual row's square."""
    return float((rows**2).sum(1).mean())


def ridge(graph, rows, stars):
    """Weights of the answers: the inverse by Newton's method, from a bound of the largest
    eigenvalue, since neither runtime solves equations."""
    identity = np.eye(GIVEN, dtype=np.float32)
    more = graph.constant(graph.penalty * identity)
    gram = graph.add(
        graph.times(rows, graph.transposed_times(rows, graph.constant(identity))), more
    )
    two = graph.constant(2 * identity)
    trace = graph.sum_columns(graph.sum_rows(graph.multiply(gram, graph.constant(identity))))
    inverse = graph.divide(graph.constant(identity), trace)
    for _ in range(STEPS):
        inverse = graph.times(inverse, graph.subtract(two, graph.times(gram, inverse)))
    return graph.times(inverse, stars)


def encoder(graph, vector):
    """A tower of two layers on the sum of the answers' rows, weighted by ratings."""
    width = graph.width
    random = np.random.default_rng(1)
    for relu in (True, False):
        weight = random.normal(0, width**-0.5, (width, width)).astype(np.float32)
        bias = np.zeros(width, np.float32)
        vector = graph.linear(vector, graph.constant(weight), graph.constant(bias), relu)
    return vector


def write(graph, kind, array):
    """The model's bytes, with an array of all items' rows."""
    graph.penalty, graph.width = penalty(array), array.shape[1]
    items = graph.input("items", [GIVEN], integers=True)
    stars = graph.input("ratings", [GIVEN, 1])
    if kind == "nothing":
        return graph.finish([graph.add(stars, stars)])
    table = graph.constant(array)
    rows = graph.gather(table, items)
    weights = ridge(graph, rows, stars) if kind.startswith("ridge") else stars
    vector = graph.transposed_times(weights, rows)
    if kind.startswith("encoder"):
        vector = encoder(graph, vector)
    if kind.endswith("rounded"):
        scores = graph.rounded_linear(vector, array)
    else:
        none = graph.constant(np.zeros(len(array), np.float32))
        scores = graph.linear(vector, table, none, relu=False)
    return graph.finish(graph.best(scores, LISTED, axis=1))


def session(runtime, kind, folder):
    module = importlib.import_module(f"published.with_{RUNTIMES[runtime]}")
    path = folder / f"{RUNTIMES[runtime]}-{kind}"
    if not path.exists():
        path.write_bytes(write(module.Peer.new_graph(), kind, np.load(folder / "rows.npy")))
    return module.Peer(None, folder).session(path)


def answers(folder):
    """Of each user a graph's inputs."""
    raw = np.fromfile(folder / "answers").view(np.uint32).reshape(-1, 2, GIVEN)
    found = []
    for items, ratings in raw:
        stars = ratings.view(np.float32)
        found.append({"items": items.astype(np.int32), "ratings": stars[:, None].copy()})
    return found


def expected(rows, values):
    """The ridge regression's list in double precision."""
    some = rows[values["items"]].astype(np.float64)
    gram = some @ some.T + penalty(rows) * np.eye(GIVEN)
    return rows @ (some.T @ np.linalg.solve(gram, values["ratings"][:, 0].astype(np.float64)))


def check(runtime, folder):
    """Whether the graphs of the ridge regression find what the equations say."""
    rows, given = np.load(folder / "rows.npy"), answers(folder)
    run, rounded = session(runtime, "ridge", folder), session(runtime, "ridge, rounded", folder)
    found_by_rounded = 0
    for values in given:
        _, scores = sorted(map(np.ravel, run(values)), key=lambda part: part.dtype.kind == "f")
        by_solving = expected(rows, values)
        best = np.argsort(-by_solving)[:LISTED]
        worst = np.abs(scores - by_solving[best]).max() / np.ptp(by_solving)
        assert worst < 1e-3, f"{runtime}: a score is off by {worst} of the spread"
        items, _ = sorted(map(np.ravel, rounded(values)), key=lambda part: part.dtype.kind == "f")
        found_by_rounded += len(np.intersect1d(items, best)) / LISTED / len(given)
    assert found_by_rounded > 0.9, f"{runtime}: rounded rows find {found_by_rounded} of the best"
    return found_by_rounded


if __name__ == "__main__":
    runtime, folder, calls = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    given, counting = answers(folder), ctypes.CDLL(folder / "counting.so")
    for kind in GRAPHS:
        run = session(runtime, kind, folder)
        # What happens once only is not what a call costs.
        for values in given:
            run(values)
        counting.begin_counting()
        for call in range(calls):
            run(given[call % len(given)])
        counting.end_counting()
