"""numpy: the formulas by hand, over any number of leading dimensions."""

import numpy as np

from published.world import RATE, ROW, Head

# Rows that stay in the cache while they pass through the layers.
BLOCK = 1024


def transposed(matrix):
    return matrix.swapaxes(-1, -2)


def forward(head, rows):
    w1, b1, w2, b2, w3, b3 = head
    a1 = rows @ transposed(w1)
    a1 += b1
    np.maximum(a1, 0, out=a1)
    a2 = a1 @ transposed(w2)
    a2 += b2
    np.maximum(a2, 0, out=a2)
    return a1, a2, a2 @ transposed(w3) + b3


def backward(head, a1, a2, d3):
    d2 = d3 * head.w3
    d2 *= a2 > 0
    d1 = d2 @ head.w2
    d1 *= a1 > 0
    return d1, d2


def sums(deltas):
    return deltas.sum(-2, keepdims=True)


def local_update(head, rows, ratings, weight, steps):
    for _ in range(steps):
        a1, a2, scores = forward(head, rows)
        d3 = (scores - ratings) * np.float32(-2 * RATE / rows.shape[-2])
        d1, d2 = backward(head, a1, a2, d3)
        head = Head(
            head.w1 + transposed(d1) @ rows,
            head.b1 + sums(d1) * weight,
            head.w2 + transposed(d2) @ a1,
            head.b2 + sums(d2),
            head.w3 + transposed(d3) @ a2,
            head.b3 + sums(d3),
        )
    return head


def score_into(head, table, scores):
    for start in range(0, len(table), BLOCK):
        scores[start : start + BLOCK] = forward(head, table[start : start + BLOCK])[2][:, 0]


def best_of(scores, count):
    best = np.argpartition(scores, -count)[-count:]
    best = best[np.argsort(-scores[best])]
    return best, scores[best]


class Peer:
    name = "numpy"
    packages = ["numpy"]
    libraries = ["numpy/_core/*.so", "numpy.libs/*.so*"]

    def __init__(self, world, files):
        self.world = world

    def adapt(self, user, steps):
        table, ratings = self.world.table, user.ratings[:, None]
        return lambda: local_update(user.head, table[user.items], ratings, user.weight, steps)

    def score(self, head):
        table = self.world.table
        scores = np.empty(len(table), np.float32)

        def call():
            score_into(head, table, scores)
            return scores

        return call

    def recommend(self, user, steps, count):
        adapt = self.adapt(user, steps)
        table = self.world.table
        scores = np.empty(len(table), np.float32)

        def call():
            score_into(adapt(), table, scores)
            return best_of(scores, count)

        return call

    def items_and_scores(self, found):
        return found

    def adapt_many(self, users, steps):
        table = self.world.table
        items = np.stack([user.items for user in users])
        ratings = np.stack([user.ratings[:, None] for user in users])
        weights = np.array([user.weight for user in users])[:, None, None]
        biases = np.stack([user.head.b1 for user in users])
        head = users[0].head._replace(b1=biases)
        return lambda: local_update(head, table[items], ratings, weights, steps)

    def one_of(self, heads, place):
        return Head(*(part[place] for part in heads))

    def evidence(self, users):
        table = self.world.table
        items = np.concatenate([user.items for user in users])
        ratings = np.concatenate([user.ratings for user in users])[:, None]
        owner = np.repeat(np.arange(len(users)), [len(user.items) for user in users])
        biases = np.concatenate([user.head.b1 for user in users])
        weights = np.array([user.weight for user in users])
        head = users[0].head

        def call():
            rows = table[items]
            a1, a2, scores = forward(head._replace(b1=biases[owner]), rows)
            d3 = 2 / (scores - ratings)
            d1, d2 = backward(head, a1, a2, d3)
            square = lambda a: np.einsum("ij,ij->i", a, a)
            norms = square(d1) * (square(rows) + weights[owner])
            norms += square(d2) * (square(a1) + 1)
            norms += square(d3) * (square(a2) + 1)
            return np.sqrt(norms)

        return call

    def meta_gradient(self, tasks, steps):
        return lambda: meta_gradient(self.world.head, tasks, steps)


def first_layer(w1, b1, rows, user):
    """The user's half is computed once a task."""
    return rows @ transposed(w1[..., :ROW]) + (user @ transposed(w1[..., ROW:]) + b1)


def run(head, rows, user, ratings):
    """The mean loss's activations, and its derivatives by each layer's sums."""
    w1, b1, w2, b2, w3, b3 = head
    a1 = np.maximum(first_layer(w1, b1, rows, user), 0)
    a2 = np.maximum(a1 @ transposed(w2) + b2, 0)
    errors = a2 @ transposed(w3) + b3 - ratings
    d3 = errors * np.float32(2 / rows.shape[-2])
    return errors, a1, a2, *backward(head, a1, a2, d3), d3


def head_gradient(rows, user, a1, a2, d1, d2, d3):
    sum1 = sums(d1)
    w1 = np.concatenate([transposed(d1) @ rows, transposed(sum1) @ user], axis=-1)
    w2, w3 = transposed(d2) @ a1, transposed(d3) @ a2
    return Head(w1, sum1, w2, sums(d2), w3, sums(d3))


def meta_gradient(head, tasks, steps):
    """The sum of the tasks' query losses, after the local update, and its gradients by the
    head, both sets of rows and the user's: backwards through every step by the product of
    its Hessian and what is carried back."""
    rows, user, rate = tasks.support, tasks.user[:, None], np.float32(RATE)
    ratings, query_ratings = tasks.support_ratings[..., None], tasks.query_ratings[..., None]
    trace = []
    for _ in range(steps):
        _, *state = run(head, rows, user, ratings)
        trace.append((head, state))
        gradient = head_gradient(rows, user, *state)
        head = Head(*(part - rate * by for part, by in zip(head, gradient)))
    errors, *state = run(head, tasks.query, user, query_ratings)
    v = head_gradient(tasks.query, user, *state)
    d1 = state[2]
    by_query = d1 @ head.w1[..., :ROW]
    by_user = sums(d1) @ head.w1[..., ROW:]
    by_support = np.zeros_like(rows)
    for head, (a1, a2, d1, d2, d3) in reversed(trace):
        r1 = first_layer(v.w1, v.b1, rows, user) * (a1 > 0)
        r2 = (r1 @ transposed(head.w2) + a1 @ transposed(v.w2) + v.b2) * (a2 > 0)
        r3 = r2 @ transposed(head.w3) + a2 @ transposed(v.w3) + v.b3
        e3 = r3 * np.float32(2 / rows.shape[-2])
        e2 = (e3 * head.w3 + d3 * v.w3) * (a2 > 0)
        e1 = (e2 @ head.w2 + d2 @ v.w2) * (a1 > 0)
        by_support -= rate * (e1 @ head.w1[..., :ROW] + d1 @ v.w1[..., :ROW])
        by_user -= rate * (sums(e1) @ head.w1[..., ROW:] + sums(d1) @ v.w1[..., ROW:])
        product = head_gradient(rows, user, a1, a2, e1, e2, e3)
        w2, w3 = product.w2 + transposed(d2) @ r1, product.w3 + transposed(d3) @ r2
        product = product._replace(w2=w2, w3=w3)
        v = Head(*(part - rate * by for part, by in zip(v, product)))
    loss = (errors**2).mean(-2).sum()
    return loss, Head(*(part.sum(0) for part in v)), by_support, by_query, by_user[:, 0]
