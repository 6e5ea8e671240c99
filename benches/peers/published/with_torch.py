"""PyTorch: autograd for one user, `torch.func` over many; eager."""

import torch
from torch.func import grad, grad_and_value, vmap
from torch.nn.functional import linear, mse_loss, relu

from published.world import RATE, ROW, Head

torch.set_num_threads(1)

# Rows that stay in the cache while they pass through the layers.
BLOCK = 1024
PER_USER_BIAS = Head(None, 0, None, None, None, None)


def forward(head, rows):
    w1, b1, w2, b2, w3, b3 = head
    return linear(relu(linear(relu(linear(rows, w1, b1)), w2, b2)), w3, b3)[..., 0]


def loss(head, rows, ratings):
    return mse_loss(forward(head, rows), ratings)


def local_update(head, rows, ratings, rates, steps):
    for _ in range(steps):
        head = [part.detach().requires_grad_() for part in head]
        gradient = torch.autograd.grad(loss(head, rows, ratings), head)
        with torch.no_grad():
            head = [part - rate * by for part, by, rate in zip(head, gradient, rates)]
    return Head(*head)


def score(head, table):
    return torch.cat([forward(head, block) for block in table.split(BLOCK)])


def in_torch(head):
    w1, b1, w2, b2, w3, b3 = (torch.from_numpy(part) for part in head)
    return Head(w1, b1[0], w2, b2[0], w3, b3[0])


def rates(weight):
    return Head(RATE, RATE * weight, RATE, RATE, RATE, RATE)


class Peer:
    name = "PyTorch"
    packages = ["torch"]
    libraries = ["torch/lib/libtorch_cpu.so", "torch/lib/libc10.so", "torch/lib/libgomp*"]

    def __init__(self, world, files):
        self.head = in_torch(world.head)
        self.table = torch.from_numpy(world.table)

    def _user(self, user):
        items = torch.from_numpy(user.items.astype("int64"))
        return in_torch(user.head), items, torch.from_numpy(user.ratings)

    def adapt(self, user, steps):
        head, items, ratings = self._user(user)
        by = rates(float(user.weight))
        return lambda: local_update(head, self.table[items], ratings, by, steps)

    def score(self, head):
        @torch.inference_mode()
        def call():
            return score(head, self.table)

        return call

    def recommend(self, user, steps, count):
        adapt = self.adapt(user, steps)

        def call():
            head = adapt()
            with torch.inference_mode():
                best = torch.topk(score(head, self.table), count)
            return best.indices, best.values

        return call

    def items_and_scores(self, found):
        return found

    def adapt_many(self, users, steps):
        heads, items, ratings = zip(*map(self._user, users))
        items, ratings = torch.stack(items), torch.stack(ratings)
        head = heads[0]._replace(b1=torch.stack([head.b1 for head in heads]))
        weight = torch.tensor([user.weight for user in users])[:, None]
        first = vmap(grad(loss), in_dims=(PER_USER_BIAS, 0, 0))
        other = vmap(grad(loss))

        @torch.no_grad()
        def call():
            now, gradients, rows = head, first, self.table[items]
            for _ in range(steps):
                gradient = gradients(now, rows, ratings)
                pairs = zip(now, gradient, rates(weight))
                now, gradients = Head(*(part - rate * by for part, by, rate in pairs)), other
            return now

        return call

    def one_of(self, heads, place):
        return Head(*(part[place] for part in heads))

    def evidence(self, users):
        heads, items, ratings = zip(*map(self._user, users))
        items, ratings = torch.cat(items), torch.cat(ratings)[:, None]
        owner = torch.repeat_interleave(torch.tensor([len(user.items) for user in users]))
        biases = torch.stack([head.b1 for head in heads])
        weights = torch.tensor([user.weight for user in users])
        w1, _, w2, b2, w3, b3 = heads[0]

        @torch.inference_mode()
        def call():
            rows = self.table[items]
            a1 = relu(torch.addmm(biases[owner], rows, w1.T))
            a2 = relu(linear(a1, w2, b2))
            d3 = 2 / (linear(a2, w3, b3) - ratings)
            d2 = d3 * w3 * (a2 > 0)
            d1 = d2 @ w2 * (a1 > 0)
            square = lambda a: torch.linalg.vecdot(a, a)
            norms = square(d1) * (square(rows) + weights[owner])
            norms += square(d2) * (square(a1) + 1) + square(d3) * (square(a2) + 1)
            return norms.sqrt()

        return call

    def meta_gradient(self, tasks, steps):
        tasks = [torch.from_numpy(part) for part in tasks]

        def run(head, rows, user, ratings):
            # The user's half is computed once a task.
            folded = linear(user, head.w1[:, ROW:], head.b1)
            return loss(head._replace(w1=head.w1[:, :ROW], b1=folded), rows, ratings)

        def task(head, support, ratings, query, query_ratings, user):
            for _ in range(steps):
                gradient = grad(run)(head, support, user, ratings)
                head = Head(*(part - RATE * by for part, by in zip(head, gradient)))
            return run(head, query, user, query_ratings)

        def batch(head, support, query, user):
            over = vmap(task, in_dims=(None, 0, 0, 0, 0, 0))
            return over(head, support, tasks[1], query, tasks[3], user).sum()

        gradients = grad_and_value(batch, argnums=(0, 1, 2, 3))

        def call():
            (head, support, query, user), value = gradients(self.head, tasks[0], tasks[2], tasks[4])
            return value, head, support, query, user

        return call
