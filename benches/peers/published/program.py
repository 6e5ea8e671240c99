"""The work as a program of whole-matrix operations, for runtimes that load a graph.

Neither ONNX Runtime nor LiteRT differentiates, so the local update is written out, once,
over the operations that both have. `Graph` is what each of them implements.
"""

from typing import Protocol

import numpy as np

from published.world import RATE, Head


class Graph(Protocol):
    """Matrices are float32 [rows, columns]; operations return what others take."""

    def constant(self, array): ...
    def input(self, name, shape, integers=False): ...
    def gather(self, table, indices): ...
    def linear(self, rows, weight, bias, relu): ...  # rows weight^T + bias
    def rounded_linear(self, rows, weight): ...  # the same, an array in 8 bits and no bias
    def times(self, left, right): ...
    def transposed_times(self, left, right): ...  # left^T right
    def masked(self, values, by): ...  # values where `by` is above 0, else 0
    def add(self, left, right): ...
    def subtract(self, left, right): ...
    def multiply(self, left, right): ...
    def divide(self, left, right): ...
    def sum_rows(self, values): ...  # [1, columns]
    def sum_columns(self, values): ...  # [rows, 1]
    def best(self, scores, count, axis=0): ...  # (indices, scores) of a column, or of a row
    def finish(self, outputs): ...  # the model's bytes


def head_inputs(graph, head):
    """All of an adapted head comes from outside."""
    return Head(*(graph.input(name, part.shape) for name, part in head._asdict().items()))


def user_inputs(graph, head, ratings):
    """A user's ratings and folded bias come from outside, and the head is the model's."""
    items = graph.input("items", [ratings], integers=True)
    stars = graph.input("ratings", [ratings, 1])
    weight = graph.input("weight", [1, 1])
    parts = {name: graph.constant(part) for name, part in head._asdict().items() if name != "b1"}
    return Head(b1=graph.input("b1", head.b1.shape), **parts), items, stars, weight


def user_values(user):
    weight = np.full((1, 1), user.weight, np.float32)
    items = user.items.astype(np.int32)
    return {"items": items, "ratings": user.ratings[:, None], "weight": weight, "b1": user.head.b1}


def forward(graph, head, rows):
    a1 = graph.linear(rows, head.w1, head.b1, relu=True)
    a2 = graph.linear(a1, head.w2, head.b2, relu=True)
    return a1, a2, graph.linear(a2, head.w3, head.b3, relu=False)


def backward(graph, head, a1, a2, d3):
    d2 = graph.masked(graph.multiply(d3, head.w3), a2)
    return graph.masked(graph.times(d2, head.w2), a1), d2


def local_update(graph, head, rows, ratings, weight, count, steps):
    rate = graph.constant(np.full((1, 1), 2 * RATE / count, np.float32))
    for _ in range(steps):
        a1, a2, scores = forward(graph, head, rows)
        d3 = graph.multiply(graph.subtract(ratings, scores), rate)
        d1, d2 = backward(graph, head, a1, a2, d3)
        moved = Head(
            graph.transposed_times(d1, rows),
            graph.multiply(graph.sum_rows(d1), weight),
            graph.transposed_times(d2, a1),
            graph.sum_rows(d2),
            graph.transposed_times(d3, a2),
            graph.sum_rows(d3),
        )
        head = Head(*map(graph.add, head, moved))
    return head


def adapt(graph, world, head, ratings, steps):
    head, items, stars, weight = user_inputs(graph, head, ratings)
    rows = graph.gather(graph.constant(world.table), items)
    return graph.finish(local_update(graph, head, rows, stars, weight, ratings, steps))


def score(graph, world, head):
    head = head_inputs(graph, head)
    return graph.finish([forward(graph, head, graph.constant(world.table))[2]])


def recommend(graph, world, head, ratings, steps, count):
    head, items, stars, weight = user_inputs(graph, head, ratings)
    table = graph.constant(world.table)
    rows = graph.gather(table, items)
    head = local_update(graph, head, rows, stars, weight, ratings, steps)
    return graph.finish(graph.best(forward(graph, head, table)[2], count))


def squared_norms(graph, world, head, ratings):
    head, items, stars, weight = user_inputs(graph, head, ratings)
    rows = graph.gather(graph.constant(world.table), items)
    a1, a2, scores = forward(graph, head, rows)
    one, two = (graph.constant(np.full((1, 1), value, np.float32)) for value in (1, 2))
    d3 = graph.divide(two, graph.subtract(scores, stars))
    d1, d2 = backward(graph, head, a1, a2, d3)
    norms = []
    for deltas, inputs, more in [(d1, rows, weight), (d2, a1, one), (d3, a2, one)]:
        squares = [graph.sum_columns(graph.multiply(part, part)) for part in (deltas, inputs)]
        norms.append(graph.multiply(squares[0], graph.add(squares[1], more)))
    return graph.finish([graph.add(norms[0], graph.add(norms[1], norms[2]))])


class GraphPeer:
    """A peer that runs such programs; a model is written once and loaded from its file."""

    def __init__(self, world, files):
        self.world, self.files = world, files

    def _load(self, name, write):
        path = self.files / f"{self.name}-{len(self.world.table)}-{name}"
        if not path.exists():
            path.write_bytes(write(self.new_graph()))
        return self.session(path)

    def adapt(self, user, steps):
        count = len(user.items)
        write = lambda graph: adapt(graph, self.world, user.head, count, steps)
        run = self._load(f"adapt-{count}-{steps}", write)
        values = user_values(user)
        return lambda: Head(*run(values))

    def score(self, head):
        run = self._load("score", lambda graph: score(graph, self.world, head))
        values = head._asdict()
        return lambda: run(values)[0][:, 0]

    def recommend(self, user, steps, count):
        ratings = len(user.items)
        write = lambda graph: recommend(graph, self.world, user.head, ratings, steps, count)
        run = self._load(f"recommend-{ratings}-{steps}-{count}", write)
        values = user_values(user)
        return lambda: run(values)

    def items_and_scores(self, found):
        items, scores = found
        return items.ravel(), scores.ravel()

    def adapt_many(self, users, steps):
        count = len(users[0].items)
        write = lambda graph: adapt(graph, self.world, users[0].head, count, steps)
        run = self._load(f"adapt-{count}-{steps}", write)
        values = list(map(user_values, users))
        return lambda: [Head(*run(value)) for value in values]

    def one_of(self, heads, place):
        return heads[place]

    def evidence(self, users):
        count = len(users[0].items)
        write = lambda graph: squared_norms(graph, self.world, users[0].head, count)
        run = self._load(f"evidence-{count}", write)
        values = list(map(user_values, users))
        return lambda: np.sqrt(np.concatenate([run(value)[0] for value in values]))
