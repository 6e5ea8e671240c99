"""What all peers get: the same weights, catalogue and people, made from a seed.

The sizes are the published model's on MovieLens 1M: 458,401 parameters, of which the
head has 20,673. Weight files are written from `docs/format.md` alone.
"""

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np

ITEM_FIELDS = {"rate": 6, "genre": 25, "director": 2186, "actor": 8030}
USER_FIELDS = {"gender": 2, "age": 7, "occupation": 21, "zip": 3402}
MOST_VALUES = {"rate": 1, "genre": 3, "director": 1, "actor": 4}
WIDTH = 32
HIDDEN = 64
ROW = WIDTH * len(ITEM_FIELDS)
RATE = 0.005


class Head(NamedTuple):
    """The head's weights as `torch.nn.Linear` has them, [out, in], and biases [1, out].

    `w1` is the items' half of the first layer's weight, if the user's is folded into `b1`.
    """

    w1: np.ndarray
    b1: np.ndarray
    w2: np.ndarray
    b2: np.ndarray
    w3: np.ndarray
    b3: np.ndarray


class User(NamedTuple):
    items: np.ndarray  # uint32 [ratings]
    ratings: np.ndarray  # float32 [ratings]
    profile: tuple  # one value a field
    row: np.ndarray  # float32 [ROW], the profile's embeddings
    head: Head  # with this user's half of the first layer in its bias
    # One step on the user's half changes the folded bias by the squared row times as much
    # as the bias itself, so the sum of both is this times that of the bias.
    weight: np.float32


class World:
    """A model with a catalogue of `items` items, and people who rate them."""

    def __init__(self, items):
        self.items = items
        random = np.random.default_rng(1)
        normal = lambda *shape: random.normal(0, 0.5, shape).astype(np.float32)
        uniform = lambda out, width: random.uniform(-1, 1, (out, width)) / np.sqrt(width)
        self.item_weights = {name: normal(size, WIDTH) for name, size in ITEM_FIELDS.items()}
        self.user_weights = {name: normal(size, WIDTH) for name, size in USER_FIELDS.items()}
        layers = [(HIDDEN, 2 * ROW), (HIDDEN, HIDDEN), (1, HIDDEN)]
        weights = [uniform(out, width).astype(np.float32) for out, width in layers]
        biases = [np.float32(0.1) * normal(1, out) for out, _ in layers]
        self.head = Head(*(part for layer in zip(weights, biases) for part in layer))

        random = np.random.default_rng(2)
        self.values = {}  # of each field: offsets [items + 1], values
        parts = []
        for name, size in ITEM_FIELDS.items():
            counts = random.integers(1, MOST_VALUES[name] + 1, items)
            offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.uint64)
            values = random.integers(0, size, int(offsets[-1]), dtype=np.uint32)
            self.values[name] = offsets, values
            rows = np.add.reduceat(self.item_weights[name][values], offsets[:-1].astype(np.int64))
            parts.append(rows / counts[:, None].astype(np.float32))
        self.table = np.concatenate(parts, axis=1)  # the items' embeddings, [items, ROW]

    def user(self, ratings, seed=0):
        random = np.random.default_rng([3, seed])
        # Every peer's smallest catalogue has these.
        items = random.choice(3706, ratings, replace=False).astype(np.uint32)
        stars = random.integers(1, 6, ratings).astype(np.float32)
        profile = tuple(int(random.integers(size)) for size in USER_FIELDS.values())
        row = np.concatenate([w[v] for w, v in zip(self.user_weights.values(), profile)])
        w1, b1, *others = self.head
        folded = Head(np.ascontiguousarray(w1[:, :ROW]), b1 + row @ w1[:, ROW:].T, *others)
        return User(items, stars, profile, row, folded, np.float32(1 + row @ row))

    def users(self, count, ratings):
        return [self.user(ratings, seed) for seed in range(1, count + 1)]

    def write(self, path, steps):
        """The weight file of a model that takes so many local steps."""
        from safetensors.numpy import save_file

        multi = {name: "one" if most == 1 else "multi" for name, most in MOST_VALUES.items()}
        field = lambda name, size: {"name": name, "kind": multi.get(name, "one"), "size": size}
        config = {
            "item_fields": [field(*pair) for pair in ITEM_FIELDS.items()],
            "user_fields": [field(*pair) for pair in USER_FIELDS.items()],
            "embedding_dim": WIDTH,
            "hidden": [HIDDEN, HIDDEN],
            "loss": "mse",
            "output": {"scale": 1.0, "offset": 0.0},
            "local": {"solver": "gradient", "steps": steps, "rate": RATE},
        }
        w1, b1, w2, b2, w3, b3 = self.head
        tensors = {f"item.{name}.weight": weight for name, weight in self.item_weights.items()}
        tensors |= {f"user.{name}.weight": weight for name, weight in self.user_weights.items()}
        tensors |= {"head.0.weight": w1, "head.1.weight": w2, "head.2.weight": w3}
        tensors |= {"head.0.bias": b1[0], "head.1.bias": b2[0], "head.2.bias": b3[0]}
        names = [str(item).encode() for item in range(self.items)]
        lengths = np.fromiter(map(len, names), np.uint64, self.items)
        tensors["catalog.ids.offsets"] = np.concatenate([[0], np.cumsum(lengths)]).astype(np.uint64)
        tensors["catalog.ids.bytes"] = np.frombuffer(b"".join(names), np.uint8)
        for name, (offsets, values) in self.values.items():
            tensors[f"catalog.{name}.offsets"] = offsets
            tensors[f"catalog.{name}.values"] = values
        metadata = {"melu.format": "1", "melu.config": json.dumps(config)}
        save_file(tensors, Path(path), metadata=metadata)
        return path


class Tasks(NamedTuple):
    """Training tasks with all numbers that a meta-gradient is computed from."""

    support: np.ndarray  # float32 [tasks, 30, ROW]
    support_ratings: np.ndarray  # float32 [tasks, 30]
    query: np.ndarray  # float32 [tasks, 10, ROW]
    query_ratings: np.ndarray  # float32 [tasks, 10]
    user: np.ndarray  # float32 [tasks, ROW]


def make_tasks(world, count, support=30, query=10):
    users = world.users(count, support + query)
    rows = np.stack([world.table[user.items] for user in users])
    ratings = np.stack([user.ratings for user in users])
    parts = rows[:, :support], ratings[:, :support], rows[:, support:], ratings[:, support:]
    parts = (np.ascontiguousarray(part) for part in parts)
    return Tasks(*parts, np.stack([user.row for user in users]))
